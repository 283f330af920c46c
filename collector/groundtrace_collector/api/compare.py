"""GET /api/v1/compare."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from groundtrace_collector.access.caller import Called
from groundtrace_collector.api.cohorts import Metrics
from groundtrace_collector.api.parameters import Since, Until, Where
from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/compare", tags=["cohorts"])


@router.get("")
async def sides(
    request: Request,
    caller: Called,
    by: Annotated[
        str, Query(description="What the two sides differ in: `encoder`, `metadata.KEY`, or `window`.")
    ],
    base: Annotated[str, Query(description="The value that is compared against; a window is `14d/7d`.")],
    candidate: Annotated[str, Query(description="The value that is judged.")],
    metrics: Metrics,
    cohort: Annotated[
        str | None, Query(description="A dimension: one comparison for each of its values.")
    ] = None,
    where: Where = None,
    saved: Annotated[
        str | None, Query(description="The name of a saved cohort: only its traces are compared.")
    ] = None,
    since: Since = None,
    until: Until = None,
) -> JSONResponse:
    """Metrics of both sides, their difference and a verdict, for the whole (`*`) and each cohort.

    Without `until` intervals and verdicts stay valid however often they are looked at.
    """
    query = CompareQuery(
        by=by,
        base=base,
        candidate=candidate,
        metrics=metrics,
        cohort=cohort,
        filter=TraceFilter(
            where=where,
            cohort=saved,
            since=since,
            until=until,
            project=caller.project,
            cohorts_of=caller.project,
        ),
    )
    return JSONResponse(await compare(collector_of(request).store, query))
