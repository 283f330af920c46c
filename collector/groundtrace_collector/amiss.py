"""What is amiss with a request that reached no handler, in words that tell what to send instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from groundtrace_collector.receive.answers import JSON

_LONGEST_VALUE: Final = 60
_NOT_FOUND, _NOT_ALLOWED = 404, 405
_PLACES: Final = frozenset({"body", "query", "path"})
_METRICS_PATH: Final = "/v1/metrics"


def unrouted(request: Request, error: HTTPException) -> str:
    """What to say of a path or a method that there is not; empty where a handler said something itself."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return ""
    path = request.url.path
    if error.status_code == _NOT_FOUND:
        if path.rstrip("/") == _METRICS_PATH:
            return (
                "metrics are not kept here, only spans (/v1/traces) and evaluation results (/v1/logs): "
                "set OTEL_METRICS_EXPORTER=none"
            )
        return f"there is nothing at {path!r:.200}: spans go to /v1/traces, and /docs lists the API"
    if error.status_code == _NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow")
        return f"{request.method} is not taken at {path!r:.200}" + (f": send {allowed}" if allowed else "")
    return ""


def invalid(error: Mapping[str, Any], media_type: str) -> str:
    """What to say of the first of FastAPI's validation errors: where it is, what is wrong, the value."""
    where = ".".join(str(part) for part in error["loc"] if part not in _PLACES)
    given = error.get("input")
    if error["type"] == "json_invalid":
        reason = (error.get("ctx") or {}).get("error", error["msg"])
        return f"the body is not JSON: {reason} at character {where}"
    if where:
        value = "" if error["type"] == "missing" else f", got {_short(given)}"
        return f"{where}: {error['msg']}{value}"
    if error["type"] == "missing":
        return f"the body is missing: send {JSON}"
    if isinstance(given, (str, bytes)) and media_type != JSON:
        return f"Content-Type {media_type!r}: send {JSON}"
    return f"the body: {error['msg']}, got {_short(given)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
