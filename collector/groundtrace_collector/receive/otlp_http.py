"""`POST /v1/traces`: OTLP over HTTP."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from groundtrace_collector.access.caller import Called, Caller
from groundtrace_collector.collector import Collector
from groundtrace_collector.errors import ApiError, GroundtraceError
from groundtrace_collector.gate.gate import CheckedRequest
from groundtrace_collector.receive.answers import JSON, PROTOBUF, accepted, refused
from groundtrace_collector.receive.body import announced_bytes, read_body
from groundtrace_collector.receive.encoding import inflate
from groundtrace_collector.receive.intake import take_spans
from groundtrace_collector.receive.otlp_json import to_protobuf
from groundtrace_collector.state import collector_of

logger = logging.getLogger(__name__)
router = APIRouter(tags=["otlp"])

_MEDIA_TYPES = {PROTOBUF, "application/protobuf", JSON}


@router.post("/v1/traces", response_class=Response)
async def export_traces(request: Request, caller: Called) -> Response:
    """Take spans: an ExportTraceServiceRequest in protobuf or JSON, plain or in gzip, deflate or zstd.

    200 says that the spans are durable and can be read. Spans that are refused are counted in the answer's
    partial success; a body that is no such request is answered 400, one that came at a bad time 503 with
    Retry-After.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    answer_type = JSON if media_type == JSON else PROTOBUF
    try:
        checked = await _receive(request, collector_of(request), media_type, caller)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except GroundtraceError as error:
        return refused(error, answer_type)
    return accepted(checked.refused, checked.reason, answer_type)


async def _receive(request: Request, collector: Collector, media_type: str, caller: Caller) -> CheckedRequest:
    if media_type not in _MEDIA_TYPES:
        raise ApiError(
            415, "unsupported_media_type", f"Content-Type {media_type!r}: send {PROTOBUF} or {JSON}"
        )
    config = collector.config
    collector.commits.check_room(announced_bytes(request))
    sent = await read_body(request, limit=config.body_bytes, stall_s=config.stall_s)
    body = inflate(sent, request.headers.get("content-encoding", ""), limit=config.inflated_bytes)
    if media_type == JSON:
        body = to_protobuf(body, ExportTraceServiceRequest)
    return await take_spans(collector, body, caller)
