"""Jobs as the API shows them: what they are, what they decided, how far behind they are."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from groundtrace_collector.errors import GroundtraceError
from groundtrace_collector.jobs.dispatcher import Dispatcher
from groundtrace_collector.jobs.job import Job
from groundtrace_collector.jobs.ledger import JobCounts, count_by_job
from groundtrace_collector.store.store import Store

Json = dict[str, Any]


async def job_reports(store: Store, dispatcher: Dispatcher, *, project: str | None = None) -> list[Json]:
    """Every job with its counts and its lag, by name; those of one project where it is given."""
    jobs = [job for job in await dispatcher.jobs() if project in {None, job.spec.project}]
    counts = await count_by_job(store, project=project)
    return [
        describe(job)
        | {"counts": asdict(counts.get(job.name, JobCounts()))}
        | await _lag(store, dispatcher, job)
        | {"budget": await _budget(dispatcher, job)}
        for job in jobs
    ]


def describe(job: Job) -> Json:
    """The job itself; times are ISO 8601 in UTC."""
    spec = job.spec
    return {
        "name": spec.name,
        "evaluators": list(spec.evaluators),
        "where": spec.where,
        "cohort": spec.cohort,
        "sample": spec.sample,
        "always": spec.always,
        "every": spec.every,
        "project": spec.project,
        "budget_usd": spec.budget_usd,
        "state": job.state.value,
        "created_at": _iso(job.created_at),
        "last_run_at": _iso(job.last_run_at),
        "next_run_at": _iso(job.next_run_at()),
    }


async def _lag(store: Store, dispatcher: Dispatcher, job: Job) -> Json:
    """How many traces are due and not decided, how long the oldest has been; or why that is not known."""
    try:
        selection = await dispatcher.lookout.selection(job.spec, job=job.name)
        backlog = await selection.backlog(store, selection.window_above(job.cursor))
    except GroundtraceError as exc:
        return {"lag": None, "fault": str(exc)}
    lag = {
        "due": backlog.due_traces,
        "waiting": backlog.waiting_traces,
        "oldest_s": round(backlog.oldest_s, 3),
    }
    return {"lag": lag, "fault": dispatcher.lookout.faults.get(job.name)}


async def _budget(dispatcher: Dispatcher, job: Job) -> Json | None:
    """What a job with a budget has spent and reserved today, and what waits for the next day."""
    purse = await dispatcher.purse(job)
    if purse is None:
        return None
    waiting = dispatcher.cashier.waiting.get(job.name)
    return {
        "day_usd": purse.limit_usd,
        "spent_today_usd": round(purse.total_usd, 6),
        "waiting_for_budget": sorted(waiting.evaluators) if waiting else [],
        "goes_on_at": _iso(waiting.until) if waiting else None,
    }


def _iso(time: datetime | None) -> str | None:
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
