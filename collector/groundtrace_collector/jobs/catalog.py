"""The evaluators that this process has, each made once."""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from groundtrace_collector.errors import ApiError
from groundtrace_evaluators import registry
from groundtrace_evaluators.configured import SETTINGS_VARIABLE, load_configured
from groundtrace_evaluators.errors import EvaluatorError
from groundtrace_evaluators.evaluator import Evaluator

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@cache
def evaluator(name: str) -> Evaluator:
    """The evaluator of this name; raises UnknownEvaluatorError or EvaluatorLoadError."""
    return registry.get(name)


def versions_of(names: Iterable[str], offered: Mapping[str, str] = _NONE) -> dict[str, str]:
    """Name and version of each evaluator, of those of workers (``offered``) or of this process.

    Raises ApiError (400) that names the unknown one and the known.
    """
    try:
        return {name: offered[name] if name in offered else evaluator(name).version for name in names}
    except EvaluatorError as exc:
        raise ApiError(400, "unknown_evaluator", str(exc)) from exc


def threshold_of(name: str, told: float | None) -> float | None:
    """The threshold of an evaluator of this process, or of a worker's as it was ``told``."""
    try:
        return evaluator(name).threshold
    except EvaluatorError:
        return told


def configured() -> dict[str, Evaluator]:
    """The evaluators of the file that GROUNDTRACE_EVALUATORS names; raises ConfigError for a wrong one."""
    path = os.environ.get(SETTINGS_VARIABLE, "")
    return load_configured(Path(path), os.environ) if path else {}


def loadable() -> dict[str, Evaluator]:
    """Every evaluator of the registry that can be had here; a package that cannot be loaded is left out."""
    found = {}
    for name in registry.names():
        try:
            found[name] = evaluator(name)
        except EvaluatorError:
            continue
    return found
