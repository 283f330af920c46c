"""GET /api/v1/cohorts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from groundtrace_collector.api.parameters import trace_filter
from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/cohorts", tags=["cohorts"])

By = Annotated[
    str,
    Query(
        description="A field of the trace such as `encoder`, `metadata.KEY`, `language`, `query_length`, "
        "`document_age`, `day` or `hour`; several separated by commas."
    ),
]
Metrics = Annotated[
    str,
    Query(description="Separated by commas: `traces,p99_ms,fail_rate:groundedness`; see docs/metrics.md."),
]


@router.get("")
async def table(
    request: Request,
    by: By,
    metrics: Metrics,
    wanted: Annotated[TraceFilter, Depends(trace_filter)],
    limit: Annotated[int | None, Query(description="Cohorts, the largest first: 200 unless told.")] = None,
) -> JSONResponse:
    """Metrics with 95 % intervals for each value of a dimension, the largest cohort first."""
    query = CohortQuery(by=by, metrics=metrics, filter=wanted, limit=limit)
    return JSONResponse(await cohort_table(collector_of(request).store, query))
