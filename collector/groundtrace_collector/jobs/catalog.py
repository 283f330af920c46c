"""The evaluators that this process has, each made once."""

from collections.abc import Iterable
from functools import cache

from groundtrace_collector.errors import ApiError
from groundtrace_evaluators import registry
from groundtrace_evaluators.errors import EvaluatorError
from groundtrace_evaluators.evaluator import Evaluator


@cache
def evaluator(name: str) -> Evaluator:
    """The evaluator of this name; raises UnknownEvaluatorError or EvaluatorLoadError."""
    return registry.get(name)


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """Name and version of each evaluator; raises ApiError (400) that names the unknown one and the known."""
    try:
        return {name: evaluator(name).version for name in names}
    except EvaluatorError as exc:
        raise ApiError(400, "unknown_evaluator", str(exc)) from exc


def loadable() -> dict[str, Evaluator]:
    """Every evaluator that can be had here, by name; a package that cannot be loaded is left out."""
    found = {}
    for name in registry.names():
        try:
            found[name] = evaluator(name)
        except EvaluatorError:
            continue
    return found
