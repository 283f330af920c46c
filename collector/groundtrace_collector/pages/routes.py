"""The addresses of the pages; each gathers what the API gives, and renders it."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from groundtrace_collector.access.caller import Called
from groundtrace_collector.api.calibrations import book_of
from groundtrace_collector.api.datasets import Shelved
from groundtrace_collector.api.jobs import Dispatching
from groundtrace_collector.errors import ApiError
from groundtrace_collector.pages import static
from groundtrace_collector.pages.api_docs import docs_page
from groundtrace_collector.pages.cohorts import cohorts_page
from groundtrace_collector.pages.compare import compare_page
from groundtrace_collector.pages.datasets import dataset_page, datasets_page
from groundtrace_collector.pages.encoder import encoder_page
from groundtrace_collector.pages.encoders import encoders_page
from groundtrace_collector.pages.evaluations import evaluations_page
from groundtrace_collector.pages.listing import trace_list
from groundtrace_collector.pages.page import rendered
from groundtrace_collector.pages.route import PageRoute
from groundtrace_collector.pages.settings import settings_page
from groundtrace_collector.pages.sql import sql_page
from groundtrace_collector.pages.trace import trace_page
from groundtrace_collector.query.traces import get_trace
from groundtrace_collector.state import collector_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
async def traces(request: Request, caller: Called) -> Response:
    """The trace list; wrong filters are 400 with the form."""
    page = await trace_list(
        collector_of(request).store,
        request.query_params,
        caller.project,
        endpoint=_endpoint(request),
        now=_now(),
    )
    return rendered(page, status=400 if page.error else 200)


@router.get("/traces/{trace_id}")
async def trace(request: Request, trace_id: str, caller: Called) -> Response:
    """One trace."""
    collector = collector_of(request)
    found = await get_trace(collector.store, trace_id.lower(), caller.project, prices=collector.prices.now())
    if found is None:
        raise ApiError(
            404, "not_found", f"No trace {trace_id[:64]} is stored. One just sent shows within a second."
        )
    (await book_of(request).read()).add_to(found)
    return rendered(trace_page(found, _now()))


@router.get("/cohorts")
async def cohorts(request: Request, caller: Called) -> Response:
    """Metrics by cohort; a wrong question is 400 with the form."""
    page = await cohorts_page(collector_of(request).store, request.query_params, caller.project, _now())
    return rendered(page, status=400 if page.error else 200)


@router.get("/compare")
async def compare(request: Request, caller: Called) -> Response:
    """A base against a candidate; a wrong question is 400 with the form."""
    page = await compare_page(collector_of(request).store, request.query_params, caller.project, _now())
    return rendered(page, status=400 if page.error else 200)


@router.get("/evaluations")
async def evaluations(request: Request, dispatcher: Dispatching, caller: Called) -> Response:
    """Jobs, ledger and recent scores."""
    return rendered(await evaluations_page(collector_of(request).store, dispatcher, caller.project, _now()))


@router.get("/encoders")
async def encoders(request: Request, caller: Called) -> Response:
    """Encoder versions."""
    return rendered(await encoders_page(collector_of(request).store, caller.project, _now()))


@router.get("/encoders/{encoder:path}")
async def encoder(request: Request, encoder: str, caller: Called, by: str = "") -> Response:
    """The card of one encoder version; a wrong dimension is 400 with the form."""
    page = await encoder_page(collector_of(request).store, caller.project, encoder, by.strip(), _now())
    return rendered(page, status=400 if page.error else 200)


@router.get("/datasets")
async def datasets(shelf: Shelved, caller: Called) -> Response:
    """Every dataset."""
    return rendered(await datasets_page(shelf, caller.project or "", _now()))


@router.get("/datasets/{name}")
async def dataset(
    name: str, shelf: Shelved, caller: Called, version: int | None = None, cursor: str | None = None
) -> Response:
    """One version of a dataset, the newest unless told."""
    page = await dataset_page(shelf, caller.project or "", name, _now(), version=version, cursor=cursor)
    return rendered(page)


@router.get("/sql")
async def sql(request: Request, caller: Called) -> Response:
    """A question in SQL and its rows; a refused one is 400 with the form."""
    page = await sql_page(collector_of(request).store, request.query_params, caller.project)
    return rendered(page, status=400 if page.error else 200)


@router.get("/docs")
async def docs(request: Request, _caller: Called) -> Response:
    """The API, described."""
    return rendered(docs_page(request.app.openapi()))


@router.get("/settings")
async def settings(request: Request, caller: Called) -> Response:
    """What this collector runs with."""
    return rendered(await settings_page(collector_of(request), _endpoint(request), caller))


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


def _endpoint(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _now() -> datetime:
    return datetime.now(UTC)
