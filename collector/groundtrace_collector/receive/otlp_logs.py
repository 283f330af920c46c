"""`POST /v1/logs`: of log records only evaluation results are kept, as scores."""

from __future__ import annotations

from fastapi import APIRouter, Request
from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from groundtrace_collector.access.caller import Called, Caller
from groundtrace_collector.collector import Collector
from groundtrace_collector.counting import note_refusal
from groundtrace_collector.errors import GroundtraceError
from groundtrace_collector.gate.gate import undecodable
from groundtrace_collector.gate.items import check_items
from groundtrace_collector.query.verdicts import MAX_ITEMS, add_scores
from groundtrace_collector.receive.answers import answer_type, refused, response
from groundtrace_collector.receive.evaluations import evaluations_in, sentence
from groundtrace_collector.receive.otlp_body import otlp_body
from groundtrace_collector.state import collector_of

router = APIRouter(tags=["otlp"])


@router.post("/v1/logs/", response_class=Response, include_in_schema=False)
@router.post("/v1/logs", response_class=Response)
async def export_logs(request: Request, caller: Called) -> Response:
    """Take `gen_ai.evaluation.result` events as scores of their spans or traces.

    Every other record is counted as refused in the answer's partial success, with the reason.
    """
    media_type = answer_type(request.headers)
    collector = collector_of(request)
    try:
        body = await otlp_body(request, collector, ExportLogsServiceRequest)
        answer = await take_records(collector, body, caller)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except GroundtraceError as error:
        note_refusal(request.scope, error)
        return refused(error, media_type)
    return response(answer, 200, media_type)


async def take_records(collector: Collector, body: bytes, caller: Caller) -> ExportLogsServiceResponse:
    """Store the scores in an ExportLogsServiceRequest; the answer says what was refused of it.

    Raises DecodeError for other bytes, TooLargeError for too many items, StoreDownError when the scores
    cannot be stored now.
    """
    check_items(body, ExportLogsServiceRequest, most=collector.config.request_items)
    try:
        request = ExportLogsServiceRequest.FromString(body)
    except ProtobufError as error:
        raise undecodable(body, ExportLogsServiceRequest, error) from error
    found = evaluations_in(request, caller.project)
    for start in range(0, len(found.scores), MAX_ITEMS):
        items = found.scores[start : start + MAX_ITEMS]
        result = await add_scores(collector.store, items, project=caller.project)
        found.refused.update(rejected["message"] for rejected in result["rejected"])
    answer = ExportLogsServiceResponse()
    if found.refused:
        collector.metrics.records_refused(found.refused.total())
        answer.partial_success.rejected_log_records = found.refused.total()
        answer.partial_success.error_message = sentence(found.refused)
    return answer
