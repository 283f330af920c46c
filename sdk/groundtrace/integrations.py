"""Which libraries can be instrumented here: found through entry points, switched on and off."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from groundtrace import guard
from groundtrace.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

logger = logging.getLogger(__name__)

GROUP: Final = "opentelemetry_instrumentor"
PREFIX: Final = "groundtrace-"


def known_integrations() -> dict[str, EntryPoint]:
    """Return groundtrace's integrations by short name (``langchain``), whether or not usable here."""
    ours = (entry for entry in entry_points(group=GROUP) if entry.name.startswith(PREFIX))
    return {entry.name.removeprefix(PREFIX): entry for entry in sorted(ours, key=lambda entry: entry.name)}


def foreign_integrations() -> frozenset[str]:
    """Return the names of the instrumentors that other packages brought."""
    names = (entry.name for entry in entry_points(group=GROUP))
    return frozenset(name for name in names if not name.startswith(PREFIX))


def chosen(
    known: Iterable[str],
    *,
    only: Sequence[str] | None,
    skip: Sequence[str] | None,
    disabled: str,
    foreign: Collection[str] = (),
) -> list[str]:
    """Return the names to switch on.

    ``disabled`` is ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS``: names with or without our prefix,
    separated by commas, or ``*``. A name without it means an instrumentor of another package where
    there is one, by ``foreign``. Raises ConfigError for a name in ``only`` or ``skip`` that is not
    known.
    """
    names = list(known)
    for argument, values in (("only", only), ("skip", skip)):
        for value in values or ():
            if value not in names:
                raise ConfigError(
                    f"{argument} names no integration of groundtrace: {value!r}; "
                    f"known: {', '.join(names) or 'none'}"
                )
    given = {name.strip() for name in disabled.split(",")}.difference(foreign)
    off = {name.removeprefix(PREFIX) for name in given} | set(skip or ())
    if "*" in off:
        return []
    return [name for name in names if name not in off and (only is None or name in only)]


def switch_on(names: Iterable[str], known: Mapping[str, EntryPoint], provider: "TracerProvider") -> list[Any]:
    """Instrument each library that is installed; return the instrumentors that now are ours to undo."""
    active = []
    for name in names:
        with guard.guarded(f"instrumenting {name}"):
            instrumentor = _instrumented(name, known[name], provider)
            if instrumentor is not None:
                active.append(instrumentor)
    return active


def _instrumented(name: str, entry: EntryPoint, provider: "TracerProvider") -> Any:
    from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

    instrumentor = entry.load()()
    if instrumentor.is_instrumented_by_opentelemetry:
        return None  # by opentelemetry-instrument, or by the app itself
    conflict = get_dependency_conflicts(instrumentor.instrumentation_dependencies())
    if conflict is not None:
        # found_any came with opentelemetry-instrumentation 0.53b0.
        installed = bool(conflict.found or getattr(conflict, "found_any", None))
        logger.log(logging.WARNING if installed else logging.DEBUG, "%s is not traced: %s", name, conflict)
        return None
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    return instrumentor


def switch_off(active: Iterable[Any]) -> None:
    """Undo what ``switch_on`` did."""
    for instrumentor in active:
        with guard.guarded(f"uninstrumenting {type(instrumentor).__name__}"):
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()
