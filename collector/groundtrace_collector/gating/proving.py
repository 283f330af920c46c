"""Whether the evaluators behind a gate's metrics have shown that they agree with people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from groundtrace_collector.gating.gate_file import GateFileError
from groundtrace_collector.query.metrics import metric as named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from groundtrace_evaluators.calibration import Calibration

_COUNTED = "coverage:"
"""It says how many were scored, whatever their verdict."""
_SCORE = "score:"
"""It is read without a threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether the scores behind a metric may block a release, why, and what a report must say beside it."""

    proven: bool
    reason: str
    notes: tuple[str, ...] = ()


def judged_score(metric: str) -> str | None:
    """The name of the score whose verdicts the metric rests on; None where it rests on none.

    >>> judged_score("fail_rate:groundedness"), judged_score("coverage:groundedness"), judged_score("p99_ms")
    ('groundedness', None, None)
    >>> judged_score("cache_wrong_hit_rate")
    'cache_intent_match'
    """
    return None if metric.startswith(_COUNTED) else named(metric).score


def read_calibrations(names: Sequence[str], folder: Path) -> list[Calibration]:
    """The calibrations in the files. Raises GateFileError."""
    from groundtrace_evaluators.calibration import Calibration
    from groundtrace_evaluators.errors import CalibrationError

    found = []
    for name in names:
        try:
            found.append(Calibration.from_json((folder / name).read_bytes()))
        except OSError as error:
            raise GateFileError(f"gate.calibrations: {folder / name}: {error.strerror or error}") from error
        except CalibrationError as error:
            raise GateFileError(f"gate.calibrations: {folder / name}: {error}") from error
    return found


def kept_calibrations(
    kept: Iterable[Mapping[str, Any]], scores: Iterable[Mapping[str, Any]]
) -> list[Calibration]:
    """Of the calibrations that the API lists, those that hold for these scores, a project's own last.

    A project's own holds where all the scores are of that project. Pure.
    """
    from groundtrace_evaluators.calibration import Calibration

    projects = {each["project"] for each in scores}
    own = projects if len(projects) == 1 else set()
    holding = [each for each in kept if each["project"] in {None, *own}]
    holding.sort(key=lambda each: each["project"] is not None)
    return [Calibration.from_json(json.dumps(each["calibration"])) for each in holding]


def standing(
    metric: str, scores: Iterable[Mapping[str, Any]], calibrations: Sequence[Calibration]
) -> Standing:
    """The standing of a metric whose scores, as the API lists them, are these.

    Scores that people set need no proof; of the others every evaluator, version and method does. Of several
    calibrations of one, the last stands. Pure.
    """
    from groundtrace_evaluators.proof import proof

    made = {
        (each["evaluator"], each["version"], each["method"] or "")
        for each in scores
        if each["source"] != "human"
    }
    by_source = {(each.evaluator, each.version, each.scored_by): each for each in calibrations}
    proofs = [proof(*source, calibration=by_source.get(source)) for source in sorted(made)]
    unproven = [each.reason for each in proofs if not each.proven]
    uncalibrated = not metric.startswith(_SCORE) and not made <= by_source.keys()
    return Standing(
        proven=not unproven,
        reason="; ".join(unproven or [each.reason for each in proofs]),
        notes=(
            *(f"unproven: {reason}" for reason in unproven),
            *(["its threshold is not calibrated"] if uncalibrated else []),
        ),
    )
