"""The body of an OTLP request over HTTP: read, inflated and, where it came as JSON, made protobuf."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message
from starlette.requests import Request

from groundtrace_collector.collector import Collector
from groundtrace_collector.errors import ApiError
from groundtrace_collector.gate.items import check_json_items
from groundtrace_collector.receive.answers import JSON, PROTOBUF, media_type_of
from groundtrace_collector.receive.body import announced_bytes, read_body
from groundtrace_collector.receive.encoding import inflate
from groundtrace_collector.receive.otlp_json import to_protobuf

_MEDIA_TYPES: Final = frozenset({PROTOBUF, "application/protobuf", JSON})


async def otlp_body(request: Request, collector: Collector, kind: type[Message]) -> bytes:
    """A request's message of ``kind`` as protobuf.

    Raises ApiError for another media type or encoding and for a body that stops, TooLargeError,
    UnavailableError while too much waits, DecodeError for damaged bytes.
    """
    media_type = media_type_of(request.headers)
    if media_type not in _MEDIA_TYPES:
        raise ApiError(
            415, "unsupported_media_type", f"Content-Type {media_type!r}: send {PROTOBUF} or {JSON}"
        )
    config = collector.config
    # What is too large for good must not be told to come again.
    collector.commits.check_room(min(announced_bytes(request), config.body_bytes))
    with collector.commits.reading() as count:
        sent = await read_body(request, limit=config.body_bytes, stall_s=config.stall_s, count=count)
    # Parsed, JSON takes some ten times its length, so it may not inflate as far.
    limit = min(config.body_bytes, config.inflated_bytes) if media_type == JSON else config.inflated_bytes
    body = inflate(sent, request.headers.get("content-encoding", ""), limit=limit)
    if media_type != JSON:
        return body
    check_json_items(body, most=config.request_items)
    return to_protobuf(body, kind)
