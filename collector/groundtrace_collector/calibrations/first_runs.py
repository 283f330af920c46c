"""Cases that an evaluator has scored, with what it said: the first of two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from groundtrace_collector.jobs.board import Task
from groundtrace_collector.jobs.cases import build_cases
from groundtrace_collector.jobs.protocol import CaseMessage
from groundtrace_collector.query.scores import condition
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from groundtrace_collector.calibrations.book import Calibrations
    from groundtrace_collector.query.scores import VerdictQuery
    from groundtrace_collector.store.store import Store


class FirstRun(BaseModel):
    """A case and the score that is stored for it."""

    model_config = ConfigDict(frozen=True)

    case: CaseMessage
    score: float


class FirstRuns(BaseModel):
    """Cases, the newest scored first; ``threshold`` is the calibrated one, null where nobody calibrated."""

    model_config = ConfigDict(frozen=True)

    threshold: float | None
    runs: tuple[FirstRun, ...]


async def first_runs(
    store: Store, query: VerdictQuery, *, version: str, limit: int, calibrations: Calibrations
) -> FirstRuns:
    """Up to ``limit`` cases of the scores ``query.name`` in this version whose inputs are still what they were."""
    where, parameters = await condition(store, query)
    rows = await store.query(
        statement(__package__, "first_runs").replace("CONDITION", where),
        {**parameters, "version": version, "rows": limit},
    )
    of_task = {_task(row): row for row in rows}
    found = []
    for case in await build_cases(store, list(of_task)):
        (ref,) = case.evaluators
        task = Task(
            project=case.project,
            trace_id=case.trace_id,
            input_hash=case.input_hash,
            evaluator=ref.name,
            version=ref.version,
        )
        found.append(FirstRun(case=case, score=of_task[task]["Score"]))
    return FirstRuns(threshold=_threshold(rows[0], calibrations) if rows else None, runs=tuple(found))


def _task(row: Mapping[str, Any]) -> Task:
    return Task(
        project=row["Project"],
        trace_id=row["TraceId"],
        input_hash=row["InputHash"],
        evaluator=row["Evaluator"],
        version=row["EvaluatorVersion"],
    )


def _threshold(row: Mapping[str, Any], calibrations: Calibrations) -> float | None:
    found = calibrations.of(row["Project"], row["Evaluator"], row["EvaluatorVersion"], row["Method"])
    return None if found is None else found.threshold
