"""`POST /v1/traces`: OTLP over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from groundtrace_collector.access.caller import Called
from groundtrace_collector.counting import note_refusal
from groundtrace_collector.errors import GroundtraceError
from groundtrace_collector.receive.answers import accepted, answer_type, refused, response
from groundtrace_collector.receive.intake import take_spans
from groundtrace_collector.receive.otlp_body import otlp_body
from groundtrace_collector.state import collector_of

router = APIRouter(tags=["otlp"])


# A redirect would be no answer: exporters take it for success and send nothing again.
@router.post("/v1/traces/", response_class=Response, include_in_schema=False)
@router.post("/v1/traces", response_class=Response)
async def export_traces(request: Request, caller: Called) -> Response:
    """Take spans: an ExportTraceServiceRequest in protobuf or JSON, plain or in gzip, deflate or zstd.

    200 says that the spans are durable and can be read. Spans that are refused are counted in the answer's
    partial success; a body that is no such request is answered 400, one that came at a bad time 503 with
    Retry-After.
    """
    media_type = answer_type(request.headers)
    collector = collector_of(request)
    try:
        with collector.commits.coming():
            body = await otlp_body(request, collector, ExportTraceServiceRequest)
        checked = await take_spans(collector, body, caller)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except GroundtraceError as error:
        note_refusal(request.scope, error)
        return refused(error, media_type)
    return response(accepted(checked.refused, checked.reason), 200, media_type)
