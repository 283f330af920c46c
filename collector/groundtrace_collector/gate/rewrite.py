"""Requests that ClickHouse cannot decode as they are, made over: the way of the few, so it may walk."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CUT_MARK = "…"
CUT_SHORT: Final = "the value was too long and is cut"
LEFT_OUT: Final = "there were too many and it is left out"
_CONTAINERS = ("array_value", "kvlist_value")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A request made over, and how many of its attributes were cut or left out."""

    body: bytes
    cuts: Counter[str]


def canonicalise(body: bytes) -> bytes:
    """The same request as protobuf itself writes it: each field once, without unknown ones, each varint short."""
    request = ExportTraceServiceRequest.FromString(body)
    request.DiscardUnknownFields()
    return request.SerializeToString()


def rewrite(
    body: bytes, *, attribute_bytes: int, attribute_count: int, keep: Callable[[Span], bool]
) -> Rewritten:
    """The request with nested values as JSON text, long values cut, and only the spans to ``keep``.

    Span and resource attributes may stay arrays of scalars; every other container becomes JSON text. A text
    of more than ``attribute_bytes`` bytes, a name, key or status message too, is cut at a character and ends
    with a mark. Of more than
    ``attribute_count`` attributes of a span, scope or resource the first are kept; the rest is counted there.
    """
    request = ExportTraceServiceRequest.FromString(body)
    pen = _Pen(attribute_bytes, attribute_count)
    for resource_spans in request.resource_spans:
        pen.thin(resource_spans.resource)
        pen.rewrite(resource_spans.resource, arrays=True)
        for scope_spans in resource_spans.scope_spans:
            pen.thin(scope_spans.scope)
            pen.rewrite(scope_spans.scope, arrays=False)
            _keep_only(scope_spans.spans, keep)
            for span in scope_spans.spans:
                pen.thin(span)
                pen.rewrite(span, arrays=True)
                pen.shorten(span, "name")
                pen.shorten(span.status, "message")
                for part in (*span.events, *span.links):
                    pen.rewrite(part, arrays=False)
                for event in span.events:
                    pen.shorten(event, "name")
    request.DiscardUnknownFields()
    return Rewritten(request.SerializeToString(), pen.cuts)


def _keep_only(spans: MutableSequence[Span], keep: Callable[[Span], bool]) -> None:
    for index in range(len(spans) - 1, -1, -1):
        if not keep(spans[index]):
            del spans[index]


@dataclass(frozen=True, slots=True)
class _Pen:
    """Rewrites attributes within limits, and counts what it cuts."""

    attribute_bytes: int
    attribute_count: int
    cuts: Counter[str] = field(default_factory=Counter)

    def thin(self, owner: Any) -> None:
        """Leave out what a span, scope or resource has too many of."""
        surplus = len(owner.attributes) - self.attribute_count
        if surplus > 0:
            del owner.attributes[self.attribute_count :]
            owner.dropped_attributes_count = min(owner.dropped_attributes_count + surplus, 0xFFFF_FFFF)
            self.cuts[LEFT_OUT] += surplus

    def shorten(self, owner: Any, member: str) -> None:
        """Cut a text that is longer than an attribute's may be."""
        text = getattr(owner, member)
        if (cut := self._shortened(text)) != text:
            setattr(owner, member, cut)
            self.cuts[CUT_SHORT] += 1

    def rewrite(self, owner: Any, *, arrays: bool) -> None:
        """Rewrite the attributes of a span, event, link, scope or resource."""
        for attribute in owner.attributes:
            self.shorten(attribute, "key")
            value = attribute.value
            member = value.WhichOneof("value")
            if member in _CONTAINERS and not (arrays and _is_flat_array(value)):
                value.string_value = json_text(value)
            if value.ByteSize() > self.attribute_bytes:
                self._cut(value)

    def _cut(self, value: AnyValue) -> None:
        member = value.WhichOneof("value")
        if member == "bytes_value":
            kept_bytes = value.bytes_value[: self.attribute_bytes]
            is_cut, value.bytes_value = len(kept_bytes) < len(value.bytes_value), kept_bytes
        else:
            text = value.string_value if member == "string_value" else json_text(value)
            value.string_value = self._shortened(text)
            is_cut = value.string_value != text
        if is_cut:  # the value's own field bytes may be what is too much
            self.cuts[CUT_SHORT] += 1

    def _shortened(self, text: str) -> str:
        if len(text) * 4 <= self.attribute_bytes:  # no character has more bytes
            return text
        kept = text.encode()[: self.attribute_bytes].decode(errors="ignore")
        return text if kept == text else kept + CUT_MARK


def _is_flat_array(value: AnyValue) -> bool:
    return value.WhichOneof("value") == "array_value" and not any(
        item.WhichOneof("value") in _CONTAINERS for item in value.array_value.values
    )


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
