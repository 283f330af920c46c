"""The one place where a fault in groundtrace is kept from the app it traces."""

import inspect
import logging
import os
import threading
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_MAX_PLACES: Final = 1_000
_logged: set[tuple[str, str, int]] = set()
_lock = threading.Lock()


class guarded:  # noqa: N801 - reads as a verb, as contextlib's own
    """Keep a fault in groundtrace from the traced app: log it once per place, carry on.

    A context manager and a decorator; a guarded function returns None when it failed. With
    ``GROUNDTRACE_RAISE_FAULTS=1``, as under test, the fault is raised instead. Only ``Exception``
    is held: KeyboardInterrupt and the like pass.

    >>> with guarded("reading the answer"):
    ...     pass
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        """``what`` finishes the sentence "groundtrace failed at …"."""
        self._what = what

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if fault is None or not isinstance(fault, Exception):
            return False
        return keep(self._what, fault)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Guard ``function``, sync or async."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def guarded_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self:
                    return await function(*args, **kwargs)
                return None

            return cast("Callable[P, R]", guarded_coroutine)

        @wraps(function)
        def guarded_function(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception as fault:
                if not keep(self._what, fault):
                    raise
                # The wrapped function's own type is kept: callers use it for its effect.
                return cast("R", None)

        return guarded_function


def keep(what: str, fault: Exception) -> bool:
    """Log ``fault`` once per place; False means that it must be raised (``GROUNDTRACE_RAISE_FAULTS``)."""
    if os.environ.get("GROUNDTRACE_RAISE_FAULTS") == "1":
        return False
    if _first_time(what, fault):
        logger.error(
            "groundtrace failed at %s; the app goes on (logged once)",
            what,
            exc_info=(type(fault), fault, fault.__traceback__),
        )
    return True


def _first_time(what: str, fault: Exception) -> bool:
    traceback = fault.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = (what, type(fault).__name__, traceback.tb_lineno if traceback else 0)
    with _lock:
        if place in _logged or len(_logged) >= _MAX_PLACES:
            return False
        _logged.add(place)
    return True
