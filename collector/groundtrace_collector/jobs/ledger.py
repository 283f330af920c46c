"""The ledger: one row for each evaluator, version and input of a trace, whatever came of it."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from groundtrace_collector.jobs.board import Task
from groundtrace_collector.jobs.protocol import ScoreMessage
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store
from groundtrace_collector.store.trace_key import trace_keys
from groundtrace_evaluators.score import Status

MAX_REASON_CHARS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an evaluator said about a task; ``threshold`` is the one that its score is read against."""

    task: Task
    score: ScoreMessage
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """What a job decided: tasks by outcome. ``skipped`` is by reason, ``failed`` by status."""

    scored: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    cost_usd: float = 0.0


# A case that is fine but holds nothing to score; everything else that is not ok is a failure.
_NOTHING_TO_SCORE: Final = frozenset({Status.SKIPPED, Status.ABSTAINED, Status.NO_CLAIMS})


async def record(store: Store, verdicts: Sequence[Verdict], *, now: datetime) -> list[Verdict]:
    """Write the verdicts that the ledger lacks, and give those; the caller holds the jobs' lock.

    Scores go first: they are keyed, so when a crash comes between the two the tasks are done again and
    their scores replaced. A verdict without a score replaces the score that older inputs had; one on inputs
    that changed while it was made replaces none.
    """
    known = await _known(store, [verdict.task for verdict in verdicts])
    fresh = [verdict for verdict in verdicts if _key(verdict.task) not in known]
    seen = {key[:3] for key in known}
    again = {verdict.task for verdict in fresh if _key(verdict.task)[:3] in seen}
    past = await _past(store, again)
    await store.insert(
        "scores",
        [
            _score_row(verdict, store.next_seq(), now)
            for verdict in fresh
            if verdict.task not in past and (verdict.score.status is Status.OK or verdict.task in again)
        ],
    )
    await store.insert("ledger", [_ledger_row(verdict, store.next_seq(), now) for verdict in fresh])
    return fresh


async def count_by_job(store: Store, *, project: str | None = None) -> dict[str, JobCounts]:
    """What each job decided, by the job's name; in one project where it is given."""
    rows = await store.query(statement(__package__, "decided"), {"project": project or ""})
    jobs = dict.fromkeys(row["Job"] for row in rows)
    return {job: _counts([row for row in rows if row["Job"] == job]) for job in jobs}


def _counts(rows: Iterable[Mapping[str, object]]) -> JobCounts:
    scored, cost_usd = 0, 0.0
    skipped: dict[str, int] = {}
    failed: dict[str, int] = {}
    for row in rows:
        status, reason, decided = str(row["Status"]), str(row["Reason"]), int(str(row["Decided"]))
        cost_usd += float(str(row["CostUsd"]))
        if status == Status.OK:
            scored += decided
        elif status in _NOTHING_TO_SCORE:
            skipped[reason] = skipped.get(reason, 0) + decided
        else:
            failed[status] = failed.get(status, 0) + decided
    return JobCounts(scored=scored, skipped=skipped, failed=failed, cost_usd=cost_usd)


_Key = tuple[str, str, str, int]


def _key(task: Task) -> _Key:
    return task.trace_id, task.evaluator, task.version, task.input_hash


async def _known(store: Store, tasks: Sequence[Task]) -> set[_Key]:
    if not tasks:
        return set()
    rows = await store.query(
        statement(__package__, "ledger"),
        {
            "names": sorted({task.evaluator for task in tasks}),
            "trace_ids": sorted({task.trace_id for task in tasks}),
        },
    )
    return {(row["TraceId"], row["Evaluator"], row["EvaluatorVersion"], row["InputHash"]) for row in rows}


async def _past(store: Store, tasks: Collection[Task]) -> set[Task]:
    """The tasks whose traces have other inputs by now, for which another worker may have been quicker."""
    if not tasks:
        return set()
    ids = sorted({task.trace_id for task in tasks})
    rows = await store.query(
        statement(__package__, "inputs"), {"trace_ids": ids, "trace_keys": trace_keys(ids)}
    )
    present = {(row["Project"], row["TraceId"]): row["InputHash"] for row in rows}
    return {
        task
        for task in tasks
        if present.get((task.project, task.trace_id), task.input_hash) != task.input_hash
    }


def _score_row(verdict: Verdict, seq: int, now: datetime) -> dict[str, object]:
    task, score = verdict.task, verdict.score
    return {
        "Project": task.project,
        "Name": score.name,
        "TraceId": task.trace_id,
        "SpanId": "",
        "Source": "evaluator",
        "Evaluator": task.evaluator,
        "EvaluatorVersion": task.version,
        "Score": score.score,
        "Label": score.label or "",
        "Status": score.status.value,
        "Explanation": score.explanation or "",
        "Evidence": json.dumps(score.evidence, ensure_ascii=False, separators=(",", ":")),
        "Method": score.method,
        "Threshold": verdict.threshold,
        "CostUsd": score.cost_usd,
        "InputHash": task.input_hash,
        "Job": task.job,
        "CreatedAt": now,
        "Seq": seq,
    }


def _ledger_row(verdict: Verdict, seq: int, now: datetime) -> dict[str, object]:
    task, score = verdict.task, verdict.score
    ok = score.status is Status.OK
    return {
        "Evaluator": task.evaluator,
        "EvaluatorVersion": task.version,
        "TraceId": task.trace_id,
        "SpanId": "",
        "InputHash": task.input_hash,
        "Project": task.project,
        "Job": task.job,
        "Status": score.status.value,
        "Reason": "" if ok else (score.explanation or score.status.value)[:MAX_REASON_CHARS],
        "CostUsd": score.cost_usd,
        "LatencyMs": score.latency_ms,
        "CreatedAt": now,
        "Seq": seq,
    }
