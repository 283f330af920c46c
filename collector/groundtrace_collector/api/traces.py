"""GET /api/v1/traces, /api/v1/traces/count and /api/v1/traces/{trace_id}."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from groundtrace_collector.access.caller import Called
from groundtrace_collector.api.calibrations import book_of
from groundtrace_collector.api.parameters import Limit, trace_filter
from groundtrace_collector.errors import ApiError
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.query.traces import TraceQuery, count_traces, get_trace, list_traces
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/traces", tags=["traces"])

Filter = Annotated[TraceFilter, Depends(trace_filter)]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
OrderBy = Annotated[str | None, Query(description="A field, or -field for the largest first.")]


@router.get("")
async def list_(
    request: Request,
    wanted: Filter,
    limit: Limit = None,
    cursor: Cursor = None,
    order: OrderBy = None,
) -> JSONResponse:
    """Traces that match, newest first unless ordered: `{"traces": [...], "next_cursor": …}`."""
    query = TraceQuery(filter=wanted, limit=limit, cursor=cursor, order=order)
    answer = await list_traces(collector_of(request).store, query)
    calibrations = await book_of(request).read()
    for trace in answer["traces"]:
        calibrations.add_to(trace)
    return JSONResponse(answer)


@router.get("/count")
async def count(request: Request, wanted: Filter) -> JSONResponse:
    """How many traces match, and their spans: `{"traces": n, "spans": n}`."""
    return JSONResponse(await count_traces(collector_of(request).store, TraceQuery(filter=wanted)))


@router.get("/{trace_id}")
async def one(request: Request, trace_id: str, caller: Called) -> JSONResponse:
    """One trace with its spans, documents, scores, evaluations and feedback."""
    collector = collector_of(request)
    trace = await get_trace(collector.store, trace_id.lower(), caller.project, prices=collector.prices.now())
    if trace is None:
        raise ApiError(
            404, "not_found", f"no trace {trace_id!r} is stored; one just sent is listed within a second"
        )
    (await book_of(request).read()).add_to(trace)
    return JSONResponse(trace)
