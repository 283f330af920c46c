"""Answers in OTLP's own form: an export response, or a google.rpc.Status, in the sender's encoding."""

from __future__ import annotations

from typing import Final

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

from groundtrace_collector.errors import (
    ApiError,
    DecodeError,
    GroundtraceError,
    StoreDownError,
    UnavailableError,
)

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

# google.rpc.Code of each HTTP status that senders get
_RPC_CODES = {400: 3, 401: 16, 403: 7, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
_UNKNOWN = 2


def accepted(refused: int, reason: str, media_type: str) -> Response:
    """Success; spans that were left out are counted, with the reason.

    A reason without refused spans warns, as OTLP has it: all spans are kept, some of them cut.
    """
    answer = ExportTraceServiceResponse()
    if reason:
        answer.partial_success.rejected_spans = refused
        answer.partial_success.error_message = reason
    return response(answer, 200, media_type)


def refused(error: GroundtraceError, media_type: str) -> Response:
    """Failure: the HTTP status of ``error``, its message in a google.rpc.Status."""
    status, headers = http_status(error)
    body = Status(code=_RPC_CODES.get(status, _UNKNOWN), message=str(error))
    return response(body, status, media_type, headers)


def http_status(error: GroundtraceError) -> tuple[int, dict[str, str]]:
    """The HTTP status of an error, and the headers that go with it."""
    if isinstance(error, UnavailableError):
        return 503, {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, ApiError):
        # The rest of a body that stopped may still come: it is no next request.
        return error.status, {"Connection": "close"} if error.status == 408 else {}
    if isinstance(error, DecodeError):
        return 400, {}
    if isinstance(error, StoreDownError):
        return 503, {"Retry-After": "1"}
    return 500, {}


def response(
    message: Message, status: int, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """A message in the sender's encoding; OTLP/JSON where ``media_type`` says so."""
    content: bytes | str
    content = MessageToJson(message, indent=None) if media_type == JSON else message.SerializeToString()
    return Response(content, status_code=status, media_type=media_type, headers=headers)
