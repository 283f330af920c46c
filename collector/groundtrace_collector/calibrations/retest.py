"""Asks an evaluator a second time about what it has scored: how often does its verdict change?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from groundtrace_collector.calibrations.first_runs import FirstRuns
from groundtrace_collector.errors import CollectorError
from groundtrace_collector.jobs.catalog import configured, loadable
from groundtrace_collector.jobs.worker import case_of
from groundtrace_evaluators.agreement import flip_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from groundtrace import Client
    from groundtrace_evaluators.agreement import Estimate
    from groundtrace_evaluators.evaluator import Evaluator


@dataclass(frozen=True, slots=True, kw_only=True)
class Retest:
    """How often the second run's verdict was another than the first's."""

    evaluator: str
    version: str
    method: str
    threshold: float
    flips: Estimate
    unscored: int
    """Cases that had a number in the first run and have none in the second."""
    cost_usd: float | None
    """Of the second run; None where the cost of a case is not known."""

    def as_json(self) -> dict[str, Any]:
        """As the command prints it."""
        return asdict(self)


def retest(client: Client, name: str, asked: Mapping[str, object]) -> Retest:
    """Score again, here, what evaluator ``name`` has scored, and store nothing.

    ``asked`` are the parameters of ``/api/v1/calibrations/first-runs``. Raises CollectorError when the evaluator
    is not here or has scored nothing in its version, or when no case has a number again.
    """
    evaluator = _evaluator(name)
    params = {**asked, "name": name, "version": evaluator.version}
    stored = FirstRuns.model_validate(client.get("/api/v1/calibrations/first-runs", params))
    if not stored.runs:
        raise CollectorError(f"{name} {evaluator.version} has scored nothing that could be asked again")
    evaluator.forget()
    second = evaluator.evaluate_many(case_of(run.case) for run in stored.runs)
    threshold = evaluator.threshold if stored.threshold is None else stored.threshold
    costs = [score.cost_usd for score in second]
    try:
        flips = flip_rate([run.score for run in stored.runs], second, threshold=threshold)
    except ValueError as exc:
        raise CollectorError(f"{name}: no case has a number again: {second[0].explanation}") from exc
    return Retest(
        evaluator=name,
        version=evaluator.version,
        method=evaluator.method,
        threshold=threshold,
        flips=flips,
        unscored=sum(score.score is None for score in second),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def _evaluator(name: str) -> Evaluator:
    here = loadable() | configured()
    if name not in here:
        raise CollectorError(f"no evaluator is named {name!r}; there are {', '.join(here)}")
    return here[name]
