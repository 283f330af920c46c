"""The addresses of the pages; each gathers what the API gives, and renders it."""

from fastapi import APIRouter, Request, Response

from groundtrace_collector.errors import ApiError
from groundtrace_collector.pages import (
    listing,
    static,
)
from groundtrace_collector.pages.page import rendered
from groundtrace_collector.pages.route import PageRoute
from groundtrace_collector.pages.trace import trace_page
from groundtrace_collector.query.traces import get_trace
from groundtrace_collector.state import collector_of
from datetime import UTC, datetime

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
async def traces(request: Request) -> Response:
    """The trace list; wrong filters are 400 with the form."""
    page = await listing.trace_list(
        collector_of(request).store,
        request.query_params,
        endpoint=str(request.base_url).rstrip("/"),
        now=_now(),
    )
    return rendered(page, status=400 if page.error else 200)


@router.get("/traces/{trace_id}")
async def trace(request: Request, trace_id: str) -> Response:
    """One trace."""
    found = await get_trace(collector_of(request).store, trace_id.lower())
    if found is None:
        raise ApiError(404, "not_found", f"No trace {trace_id[:64]} is stored. One just sent shows within a second.")
    return rendered(trace_page(found, _now()))


@router.get("/static/{name}")
async def static_file(request: Request, name: str) -> Response:
    """The style sheet and the icon."""
    return _static(request, name)


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    """The icon under the name that browsers try by themselves."""
    return _static(request, "favicon.svg")


def _static(request: Request, name: str) -> Response:
    response = static.served(
        name, version=request.query_params.get("v"), if_none_match=request.headers.get("if-none-match")
    )
    if response is None:
        raise ApiError(404, "not_found", f"There is no file {name[:64]}.")
    return response


def _now() -> datetime:
    return datetime.now(UTC)
