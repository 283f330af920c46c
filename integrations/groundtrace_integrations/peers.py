"""Instrumentors of other vendors on the same library: noticed, said once, not doubled."""

import logging
import sys
from collections.abc import Sequence

logger = logging.getLogger(__name__)


class Peers:
    """The other instrumentors of one library, given as ``module:Class``.

    All are OpenTelemetry instrumentors, of which a process has one object a class. Asked at every
    call, so that the order in which they are switched on, and off again, does not matter.
    """

    __slots__ = ("_known", "_library", "_modules", "_told")

    def __init__(self, library: str, known: Sequence[str]) -> None:
        """``library`` is the name to say it by."""
        self._library = library
        self._known = [(module, name) for module, _, name in (entry.partition(":") for entry in known)]
        self._told = False
        # How many modules there were when none of the known ones was among them.
        self._modules = -1

    def active(self) -> bool:
        """Whether one of them is switched on."""
        modules = len(sys.modules)
        if modules == self._modules:
            return False
        imported = False
        for module_name, class_name in self._known:
            module = sys.modules.get(module_name)
            if module is None:
                continue
            imported = True
            if _is_on(getattr(module, class_name, None)):
                self._tell(module_name)
                return True
        if not imported:
            self._modules = modules
        return False

    def _tell(self, module_name: str) -> None:
        if self._told:
            return
        self._told = True
        logger.warning(
            "%s is traced by %s: groundtrace takes those spans and adds none of its own",
            self._library,
            module_name,
        )


def _is_on(instrumentor: object) -> bool:
    # Asked of the class, since to make an object of it could switch something on.
    made = getattr(instrumentor, "__dict__", {}).get("_instance")
    return bool(getattr(made, "is_instrumented_by_opentelemetry", False))
