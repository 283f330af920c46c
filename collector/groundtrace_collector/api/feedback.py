"""GET and POST /api/v1/feedback."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse

from groundtrace_collector.access.caller import Called
from groundtrace_collector.api.parameters import Limit
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.scores import VerdictQuery, list_feedback
from groundtrace_collector.query.verdicts import add_feedback
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/feedback", tags=["scores"])


@router.get("")
async def list_(
    request: Request,
    caller: Called,
    trace_id: str | None = None,
    name: str | None = None,
    limit: Limit = None,
    cursor: str | None = None,
) -> JSONResponse:
    """Feedback, newest first: `{"feedback": [...], "next_cursor": …}`."""
    query = VerdictQuery(trace_id=trace_id, name=name, limit=limit, cursor=cursor, project=caller.project)
    return JSONResponse(await list_feedback(collector_of(request).store, query))


@router.post("")
async def add(request: Request, body: Annotated[dict[str, Any], Body()], caller: Called) -> JSONResponse:
    """Store what a user said: `{"trace_id", "name", "value", "comment"?}`; a later value replaces it."""
    result = await add_feedback(collector_of(request).store, [body], project=caller.project)
    if result["rejected"]:
        raise QueryError("invalid_feedback", result["rejected"][0]["message"])
    return JSONResponse(result)
