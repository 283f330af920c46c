"""Where a request finds the collector it belongs to (apart from app.py, so that routes import no app)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from groundtrace_collector.collector import Collector


def collector_of(request: HTTPConnection) -> Collector:
    """The collector that serves ``request``."""
    return cast("Collector", request.app.state.collector)
