"""The gatekeeper: lets each HTTP request in as its caller, or answers it with 401 or 403."""

from __future__ import annotations

import logging
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from groundtrace_collector.access.caller import STATE_KEY, Caller
from groundtrace_collector.access.key import Role
from groundtrace_collector.access.keyring import Keyring, bearer_token
from groundtrace_collector.access.policy import (
    INGEST_START,
    LOGIN_PATH,
    is_of_all_projects,
    is_page,
    may,
    needed_role,
)
from groundtrace_collector.counting import note_refusal
from groundtrace_collector.errors import ApiError, GroundtraceError
from groundtrace_collector.receive.answers import answer_type, http_status, refused

logger = logging.getLogger(__name__)

COOKIE: Final = "gt_key"
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="groundtrace"'}


class Gatekeeper:
    """Middleware that puts the caller into the request's state, and keeps out who may not come in."""

    def __init__(self, app: ASGIApp, *, keys: Keyring) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        needed = needed_role(scope["method"], scope["path"])
        if needed is not None:
            try:
                caller = await self._keys.caller(_token(scope))
                check(caller, needed, scope["path"])
            except GroundtraceError as error:
                note_refusal(scope, error)
                await _answer(error, scope)(scope, receive, send)
                return
            scope.setdefault("state", {})[STATE_KEY] = caller
        await self._app(scope, receive, send)


def check(caller: Caller, needed: Role, path: str) -> None:
    """Raise ApiError 403 when a caller may not do what a request needs."""
    if not may(caller.role, needed):
        raise ApiError(
            403,
            "forbidden",
            f"this needs the role {needed}, and the key {caller.name!r} has {caller.role}: use another key",
        )
    if caller.project is not None and is_of_all_projects(path):
        raise ApiError(
            403,
            "forbidden",
            f"this is about every project, and the key {caller.name!r} reaches {caller.project!r} only",
        )


def _token(scope: Scope) -> str:
    """The key that a program sends, or the one that a browser was given at the login."""
    headers = Headers(scope=scope)
    token = bearer_token(headers.getlist("authorization"))
    if token or scope["path"].startswith(INGEST_START):
        return token
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _answer(error: GroundtraceError, scope: Scope) -> Response:
    """The error in the form that whoever asked can read: OTLP's, a way to the login, or the API's."""
    path: str = scope["path"]
    headers = Headers(scope=scope)
    status, extra = http_status(error)
    if path.startswith(INGEST_START):
        response = refused(error, answer_type(headers))
    elif status == 401 and is_page(path) and "text/html" in headers.get("accept", ""):
        query = scope["query_string"].decode("latin-1")
        wanted = quote(f"{path}?{query}" if query else path, safe="")
        return RedirectResponse(f"{LOGIN_PATH}?next={wanted}", status_code=303)
    else:
        code = error.code if isinstance(error, ApiError) else "unavailable"
        response = JSONResponse(
            {"error": {"code": code, "message": str(error)}}, status_code=status, headers=extra
        )
    if status == 401:
        response.headers.update(_CHALLENGE)
    return response
