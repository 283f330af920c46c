"""The collector's web application: OTLP, API and pages on one port."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from groundtrace_collector.access.caller import check_routes
from groundtrace_collector.access.gatekeeper import Gatekeeper
from groundtrace_collector.access.policy import INGEST_START, is_page
from groundtrace_collector.amiss import invalid, unrouted
from groundtrace_collector.api import (
    calibrations,
    cohorts,
    compare,
    datasets,
    feedback,
    jobs,
    keys,
    metrics,
    saved,
    scores,
    sql,
    traces,
)
from groundtrace_collector.api.parameters import refuse_unknown
from groundtrace_collector.collector import Collector
from groundtrace_collector.counting import Counting, note_refusal
from groundtrace_collector.door import Door, hosts_of
from groundtrace_collector.errors import GroundtraceError, StoreLimitError
from groundtrace_collector.head import Head
from groundtrace_collector.metrics import code_of
from groundtrace_collector.pages import login
from groundtrace_collector.pages import routes as pages
from groundtrace_collector.pages.route import error_page
from groundtrace_collector.receive import health, otlp_http, otlp_logs
from groundtrace_collector.receive.answers import answer_type, failed, http_status, media_type_of
from groundtrace_collector.receive.whole_body import WholeBody

logger = logging.getLogger(__name__)

ROUTED = (
    otlp_http, otlp_logs, health, saved, traces, cohorts, compare, scores, feedback, calibrations, datasets, jobs,
    sql, keys, metrics, login, pages,
)  # fmt: skip
_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(collector: Collector) -> FastAPI:
    """The application that serves ``collector``, which it neither opens nor closes."""
    app = FastAPI(
        title="groundtrace",
        version=version("groundtrace"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.collector = collector
    for module in ROUTED:
        check_routes(module.router.routes)
        app.include_router(module.router, dependencies=[Depends(refuse_unknown)])
    config = collector.config
    app.add_middleware(WholeBody, limit=config.inflated_bytes, stall_s=config.stall_s)
    app.add_middleware(Gatekeeper, keys=collector.keys)
    app.add_middleware(Door, hosts=hosts_of(config.host, config.allow_host))
    app.add_middleware(Counting, metrics=collector.metrics)
    app.add_middleware(Head)
    app.add_exception_handler(GroundtraceError, _answer_expected)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unexpected)
    return app


def _error(request: Request, status: int, code: str, message: str, headers: Any = None) -> Response:
    if request.url.path.startswith(INGEST_START):
        return failed(status, message, answer_type(request.headers), headers)
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status, headers=headers)


async def _answer_expected(request: Request, error: Exception) -> Response:
    if not isinstance(error, GroundtraceError):
        raise error
    note_refusal(request.scope, error)
    if isinstance(error, StoreLimitError):  # waiting for the store would not help: a narrower question does
        return _error(request, 400, code_of(error), str(error))
    status, headers = http_status(error)
    return _error(request, status, code_of(error), str(error), headers)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    note_refusal(request.scope, "invalid")
    return _error(request, 422, "invalid", invalid(error.errors()[0], media_type_of(request.headers)))


async def _answer_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = _CODES.get(error.status_code, "failed")
    message = unrouted(request, error) or str(error.detail)
    if is_page(request.url.path) and "text/html" in request.headers.get("accept", ""):
        return error_page(error.status_code, message)
    return _error(request, error.status_code, code, message, error.headers)


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _error(request, 500, "internal", "the collector failed; its log says why")
