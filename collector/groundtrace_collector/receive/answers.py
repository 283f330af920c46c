"""Answers in OTLP's own form: an export response, or a google.rpc.Status, in the sender's encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

from groundtrace_collector.errors import (
    ApiError,
    DecodeError,
    GroundtraceError,
    StoreDownError,
    TooManyError,
    UnavailableError,
)

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

# google.rpc.Code of each HTTP status that senders get
_RPC_CODES: Final = {
    400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 421: 3, 429: 8, 500: 13, 503: 14,
}  # fmt: skip
_UNKNOWN: Final = 2
_BAD_REQUEST: Final = 400
_RETRY_AFTER: Final = "Retry-After"


def media_type_of(headers: Mapping[str, str]) -> str:
    """The media type of a request's body, in lower case and without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def answer_type(headers: Mapping[str, str]) -> str:
    """The media type that an answer has: the sender's own, where it is one of OTLP's."""
    return JSON if media_type_of(headers) == JSON else PROTOBUF


def accepted(refused: int, reason: str) -> ExportTraceServiceResponse:
    """Success; spans that were left out are counted, with the reason.

    A reason without refused spans warns, as OTLP has it: all spans are kept, some of them cut.
    """
    answer = ExportTraceServiceResponse()
    if reason:
        answer.partial_success.rejected_spans = refused
        answer.partial_success.error_message = reason
    return answer


def refused(error: GroundtraceError, media_type: str) -> Response:
    """Failure: the HTTP status of ``error``, its message in a google.rpc.Status."""
    status, headers = http_status(error)
    return response(status_of(status, str(error), headers), status, media_type, headers)


def failed(status: int, message: str, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Failure with an HTTP status, in a google.rpc.Status."""
    return response(status_of(status, message, headers or {}), status, media_type, dict(headers or {}))


def status_of(status: int, message: str, headers: Mapping[str, str]) -> Status:
    """What an HTTP status is to google.rpc: what is wrong with bad data, and when to come again, are details."""
    said = Status(code=_RPC_CODES.get(status, _UNKNOWN), message=message)
    if status == _BAD_REQUEST:
        _add(said, BadRequest(field_violations=[BadRequest.FieldViolation(description=message)]))
    if _RETRY_AFTER in headers:
        _add(said, RetryInfo(retry_delay=Duration(seconds=int(headers[_RETRY_AFTER]))))
    return said


def _add(status: Status, detail: Message) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def http_status(error: GroundtraceError) -> tuple[int, dict[str, str]]:
    """The HTTP status of an error, and the headers that go with it."""
    if isinstance(error, (UnavailableError, TooManyError)):
        return error.status, {_RETRY_AFTER: str(error.retry_after_s)}
    if isinstance(error, ApiError):
        # The rest of a body that stopped may still come: it is no next request.
        return error.status, {"Connection": "close"} if error.status == 408 else {}
    if isinstance(error, DecodeError):
        return 400, {}
    if isinstance(error, StoreDownError):
        return 503, {_RETRY_AFTER: "1"}
    return 500, {}


def response(
    message: Message, status: int, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """A message in the sender's encoding; OTLP/JSON where ``media_type`` says so."""
    content: bytes | str
    content = MessageToJson(message, indent=None) if media_type == JSON else message.SerializeToString()
    return Response(content, status_code=status, media_type=media_type, headers=headers)
