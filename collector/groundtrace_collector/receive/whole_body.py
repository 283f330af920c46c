"""Middleware that reads a request's body before its handler does: no more of it than is taken."""

from __future__ import annotations

from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from groundtrace_collector.access.policy import INGEST_START
from groundtrace_collector.counting import note_refusal
from groundtrace_collector.errors import ApiError
from groundtrace_collector.receive.answers import http_status
from groundtrace_collector.receive.body import read_body

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class WholeBody:
    """Answers 413 for a body of more than ``limit`` bytes, and 408 for one that stops for ``stall_s`` seconds.

    For API and pages, whose handlers would read on; what takes OTLP reads for itself.
    """

    def __init__(self, app: ASGIApp, *, limit: int, stall_s: float) -> None:
        self._app = app
        self._limit = limit
        self._stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or answer it."""
        if (
            scope["type"] != "http"
            or scope["method"] in _WITHOUT_BODY
            or scope["path"].startswith(INGEST_START)
        ):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(Request(scope, receive), limit=self._limit, stall_s=self._stall_s)
        except ApiError as error:
            note_refusal(scope, error)
            await _answer(error)(scope, receive, send)
        except ClientDisconnect:
            return  # nobody reads an answer
        else:
            await self._app(scope, _again(body, receive), send)


def _answer(error: ApiError) -> Response:
    status, headers = http_status(error)
    content = {"error": {"code": error.code, "message": error.message}}
    return JSONResponse(content, status_code=status, headers=headers)


def _again(body: bytes, receive: Receive) -> Receive:
    """What hands a handler the body as if it came now."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
