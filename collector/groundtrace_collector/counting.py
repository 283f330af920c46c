"""Middleware that counts every request and every refusal, whoever answers it."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from groundtrace_collector.errors import GroundtraceError
from groundtrace_collector.metrics import Metrics, code_of

_REFUSAL: Final = "refusal"
_FIRST_REFUSAL: Final = 400


class Counting:
    """Counts what passes, by the route that answered and the status it had."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        status = 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.request("http", route, str(status), time.perf_counter() - began)
            if status >= _FIRST_REFUSAL or _REFUSAL in state:
                self._metrics.refusal(state.get(_REFUSAL, f"http_{status}"))


def note_refusal(scope: MutableMapping[str, Any], reason: GroundtraceError | str) -> None:
    """Say why a request is refused: an error, or its code."""
    code = reason if isinstance(reason, str) else code_of(reason)
    scope.setdefault("state", {})[_REFUSAL] = code
