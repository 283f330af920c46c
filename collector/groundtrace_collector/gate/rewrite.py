"""Requests that ClickHouse cannot decode as they are, made over: the way of the few, so it may walk."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, MutableSequence
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CUT_MARK = "…"
_CONTAINERS = ("array_value", "kvlist_value")


def canonicalise(body: bytes) -> bytes:
    """The same request as protobuf itself writes it: without unknown fields, each varint at its shortest."""
    request = ExportTraceServiceRequest.FromString(body)
    request.DiscardUnknownFields()
    return request.SerializeToString()


def rewrite(body: bytes, *, attribute_bytes: int, keep: Callable[[Span], bool]) -> bytes:
    """The request with nested values as JSON text, long values cut, and only the spans to ``keep``.

    Span and resource attributes may stay arrays of scalars; every other container becomes JSON text.
    A text of more than ``attribute_bytes`` bytes is cut at a character and ends with a mark.
    """
    request = ExportTraceServiceRequest.FromString(body)
    for resource_spans in request.resource_spans:
        _rewrite_attributes(resource_spans.resource.attributes, attribute_bytes, arrays=True)
        for scope_spans in resource_spans.scope_spans:
            _rewrite_attributes(scope_spans.scope.attributes, attribute_bytes, arrays=False)
            _keep_only(scope_spans.spans, keep)
            for span in scope_spans.spans:
                _rewrite_span(span, attribute_bytes)
    request.DiscardUnknownFields()
    return request.SerializeToString()


def _keep_only(spans: MutableSequence[Span], keep: Callable[[Span], bool]) -> None:
    for index in range(len(spans) - 1, -1, -1):
        if not keep(spans[index]):
            del spans[index]


def _rewrite_span(span: Span, attribute_bytes: int) -> None:
    _rewrite_attributes(span.attributes, attribute_bytes, arrays=True)
    for event in span.events:
        _rewrite_attributes(event.attributes, attribute_bytes, arrays=False)
    for link in span.links:
        _rewrite_attributes(link.attributes, attribute_bytes, arrays=False)


def _rewrite_attributes(attributes: Any, attribute_bytes: int, *, arrays: bool) -> None:
    for attribute in attributes:
        value = attribute.value
        member = value.WhichOneof("value")
        if member in _CONTAINERS and not (arrays and _is_flat_array(value)):
            value.string_value = json_text(value)
        if value.ByteSize() > attribute_bytes:
            _cut(attribute, attribute_bytes)


def _is_flat_array(value: AnyValue) -> bool:
    return value.WhichOneof("value") == "array_value" and not any(
        item.WhichOneof("value") in _CONTAINERS for item in value.array_value.values
    )


def _cut(attribute: KeyValue, attribute_bytes: int) -> None:
    value = attribute.value
    member = value.WhichOneof("value")
    if member == "bytes_value":
        value.bytes_value = value.bytes_value[:attribute_bytes]
        return
    text = value.string_value if member == "string_value" else json_text(value)
    kept = text.encode()[:attribute_bytes].decode(errors="ignore")
    value.string_value = kept if kept == text else kept + CUT_MARK


def json_text(value: Message) -> str:
    """An AnyValue as compact JSON; bytes are base64, NaN and infinities null, as in the exporter's tables."""
    return json.dumps(_json_value(value), ensure_ascii=False, separators=(",", ":"))


def _json_value(value: Any) -> Any:
    member = value.WhichOneof("value")
    match member:
        case None:
            return None
        case "array_value":
            return [_json_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _json_value(item.value) for item in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "double_value":
            return value.double_value if math.isfinite(value.double_value) else None
    return getattr(value, member)
