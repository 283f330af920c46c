"""From what a worker says to what the ledger keeps, and the verdicts that the collector reaches itself. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtrace_collector.jobs.board import Task
from groundtrace_collector.jobs.catalog import threshold_of
from groundtrace_collector.jobs.ledger import Verdict
from groundtrace_collector.jobs.protocol import ScoreMessage
from groundtrace_evaluators.score import Status

if TYPE_CHECKING:
    from groundtrace_collector.calibrations.book import Calibrations
    from groundtrace_collector.jobs.board import Lease
    from groundtrace_collector.jobs.budget import Asked
    from groundtrace_collector.jobs.protocol import Bound, Result, ResultsRequest


def verdicts_of(lease: Lease, request: ResultsRequest, calibrations: Calibrations) -> list[Verdict]:
    """The results that answer the lease's tasks, each once, with the job that asked."""
    held = {task: task for task in lease.tasks}
    verdicts: dict[Task, Verdict] = {}
    for result in request.results:
        task = held.get(_answered(result))
        if task is not None:
            threshold = _threshold(task, result, calibrations)
            verdicts[task] = Verdict(task=task, score=result.score, threshold=threshold)
    return list(verdicts.values())


def bounded(bound: Bound) -> Task:
    """The task whose cost a worker bounds."""
    return Task(
        project=bound.project,
        trace_id=bound.trace_id,
        input_hash=bound.input_hash,
        evaluator=bound.evaluator.name,
        version=bound.evaluator.version,
    )


def unaffordable(asked: Asked) -> Verdict:
    """What becomes of a task that no budget of its job can ever cover."""
    if asked.bound_usd is None:
        status, why = Status.ERROR, "what it can cost is not known, so no budget can hold it: give its prices"
    else:
        limit_usd = min(purse.limit_usd for purse in asked.purses if purse.day)
        status = Status.BUDGET_EXHAUSTED
        why = f"this case alone can cost ${asked.bound_usd:.4f}, the job may spend ${limit_usd:g} a day"
    score = ScoreMessage(
        name=asked.task.evaluator,
        version=asked.task.version,
        score=None,
        status=status,
        explanation=why,
        cost_usd=0.0,
    )
    return Verdict(task=asked.task, score=score)


def given_up(task: Task) -> Verdict:
    """What becomes of a task that no worker survives."""
    score = ScoreMessage(
        name=task.evaluator,
        version=task.version,
        score=None,
        status=Status.ERROR,
        explanation="no worker that took it came back",
    )
    return Verdict(task=task, score=score)


def _answered(result: Result) -> Task:
    return Task(
        project=result.project,
        trace_id=result.trace_id,
        input_hash=result.input_hash,
        evaluator=result.score.name,
        version=result.score.version,
    )


def _threshold(task: Task, result: Result, calibrations: Calibrations) -> float | None:
    """The calibrated threshold, else the evaluator's own."""
    calibration = calibrations.of(task.project, task.evaluator, task.version, result.score.method)
    if calibration is not None:
        return calibration.threshold
    return threshold_of(task.evaluator, result.threshold)
