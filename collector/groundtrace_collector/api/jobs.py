"""`/api/v1/jobs`: jobs for people, work for workers."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError

from groundtrace_collector.access.caller import Called, Caller
from groundtrace_collector.api.calibrations import book_of
from groundtrace_collector.errors import ApiError
from groundtrace_collector.jobs.change import (
    JobChange,
    change_within,
    changed_job,
    check_scope,
    visible_job,
)
from groundtrace_collector.jobs.dispatcher import Dispatcher
from groundtrace_collector.jobs.job import Scope, one_line
from groundtrace_collector.jobs.protocol import (
    ClaimReply,
    ClaimRequest,
    ReserveReply,
    ReserveRequest,
    ResultsReply,
    ResultsRequest,
    RunRequest,
    RunStatus,
)
from groundtrace_collector.jobs.report import describe, job_reports
from groundtrace_collector.query.saved import saved_expression
from groundtrace_collector.query.times import parse_time
from groundtrace_collector.state import collector_of

SETTLE_S: Final = 10.0
"""A run waits so long at most for the settling of what arrived before it."""

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


# A coroutine, so that it runs on the event loop: a thread of FastAPI's pool could make a second dispatcher.
async def dispatcher_of(request: Request) -> Dispatcher:
    """The one dispatcher of this server; leases and queues live in it."""
    state = request.app.state
    if not hasattr(state, "dispatcher"):
        state.dispatcher = Dispatcher(collector_of(request).store, calibrations=book_of(request))
    dispatcher: Dispatcher = state.dispatcher
    return dispatcher


Dispatching = Annotated[Dispatcher, Depends(dispatcher_of)]


@router.get("")
async def list_jobs(
    request: Request, dispatcher: Dispatching, caller: Called
) -> dict[str, list[dict[str, Any]]]:
    """Every job of the caller's project with what it decided and how far behind it is."""
    return {"jobs": await job_reports(collector_of(request).store, dispatcher, project=caller.project)}


@router.post("")
async def change_job(
    change: JobChange, request: Request, dispatcher: Dispatching, caller: Called
) -> dict[str, Any]:
    """Create a job, or replace what is given of one: conditions, evaluators, or state (paused, removed).

    `cohort` is the name of a saved cohort of the caller's project, else of none; it is looked up at each look.
    """
    change = change_within(change, caller.project_of(change.project)) if caller.project else change
    cursor = dispatcher.new_job_cursor()
    now = datetime.now(UTC)
    if change.cohort:
        await saved_expression(collector_of(request).store, change.cohort, project=caller.project)
    return describe(
        await dispatcher.save(
            change.name,
            lambda job: changed_job(
                visible_job(job, change, caller.project),
                change,
                cursor=cursor,
                now=now,
                offered=dispatcher.offered(),
                cohorts_of=caller.project,
            ),
        )
    )


@router.post("/runs")
async def start_run(
    asked: RunRequest, request: Request, dispatcher: Dispatching, caller: Called
) -> RunStatus:
    """Score once everything stored now that the ledger lacks, of a job or of the conditions given."""
    scope = await _scope(asked, dispatcher, caller)
    # What has been acknowledged counts as stored, also when its traces are not settled yet.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            await collector_of(request).settler.idle()
    return await dispatcher.start_run(
        scope,
        job=asked.job or "",
        since_ns=_time("since", asked.since),
        until_ns=_time("until", asked.until),
        budget_usd=asked.budget_usd,
        configured=asked.configured,
    )


@router.get("/runs/{run_id}")
async def run_status(run_id: str, dispatcher: Dispatching, caller: Called) -> RunStatus:
    """How far a run has come."""
    return await dispatcher.run_status(run_id, project=caller.project)


@router.post("/claim")
async def claim(request: ClaimRequest, dispatcher: Dispatching, caller: Called) -> ClaimReply:
    """Cases for a worker under a lease, or the seconds to wait before asking again."""
    return await dispatcher.claim(request, project=caller.project)


@router.post("/reserve")
async def reserve(request: ReserveRequest, dispatcher: Dispatching, caller: Called) -> ReserveReply:
    """Money for cases under a lease whose jobs have a budget, before they are begun."""
    return await dispatcher.reserve(request, project=caller.project)


@router.post("/results")
async def results(request: ResultsRequest, dispatcher: Dispatching, caller: Called) -> ResultsReply:
    """Verdicts on cases under a lease; an empty list keeps the lease."""
    return await dispatcher.results(request, project=caller.project)


async def _scope(asked: RunRequest, dispatcher: Dispatcher, caller: Caller) -> Scope:
    if asked.job is not None:
        for job in await dispatcher.jobs():
            if job.name == asked.job and caller.project in {None, job.spec.project}:
                return job.spec
        raise ApiError(
            404,
            "job_not_found",
            f"there is no job {asked.job!r}; `groundtrace jobs list` shows those there are",
        )
    given = asked.model_dump(include={"evaluators", "where", "cohort", "sample", "always"})
    given["cohorts_of"] = caller.project
    given["project"] = caller.project_of(asked.project)
    try:
        scope = Scope.model_validate(given)
    except ValidationError as exc:
        raise ApiError(400, "invalid_run", one_line(exc)) from exc
    check_scope(scope, {**dispatcher.offered(), **asked.configured})
    return scope


def _time(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_time(text, now=datetime.now(UTC))
    except ValueError as exc:
        raise ApiError(400, f"invalid_{name}", f"{name}: {exc}") from exc
