"""GET /metrics: what the collector counts about itself, for Prometheus."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from groundtrace_collector.access.caller import Called
from groundtrace_collector.metrics import CONTENT_TYPE
from groundtrace_collector.state import collector_of

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, _caller: Called) -> Response:
    """Counters, gauges and histograms in Prometheus's text format; docs/operations.md lists them."""
    return Response(collector_of(request).metrics.text(), headers={"Content-Type": CONTENT_TYPE})
