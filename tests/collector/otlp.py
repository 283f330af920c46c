"""OTLP requests out of simple dicts."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SpanDict = Mapping[str, Any]
_span_ids = itertools.count(1)


def otlp_request(spans: Sequence[SpanDict], *, resource: Mapping[str, Any] | None = None) -> bytes:
    """An ExportTraceServiceRequest of spans given as dicts.

    Keys, all but `trace_id` with a default: `trace_id`, `span_id`, `parent_span_id` (hex), `name`, `kind` (the
    RAG kind, written as openinference.span.kind), `start_ns`, `duration_ms`, `status` ("unset", "ok", "error"),
    `status_message`, `attributes`, `events` (dicts of `name` and `attributes`).
    """
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in {"service.name": "test", **(resource or {})}.items():
        group.resource.attributes.append(KeyValue(key=key, value=any_value(value)))
    scope = group.scope_spans.add()
    for given in spans:
        _add_span(scope.spans.add(), given)
    return request.SerializeToString()


def _add_span(span: Span, given: SpanDict) -> None:
    start_ns = given.get("start_ns", time.time_ns())
    span.trace_id = bytes.fromhex(given["trace_id"])
    span.span_id = bytes.fromhex(given.get("span_id") or f"{next(_span_ids):016x}")
    span.parent_span_id = bytes.fromhex(given.get("parent_span_id", ""))
    span.name = given.get("name", "step")
    span.start_time_unix_nano = start_ns
    span.end_time_unix_nano = start_ns + round(given.get("duration_ms", 1) * 1e6)
    span.status.code = ("unset", "ok", "error").index(given.get("status", "ok"))  # type: ignore[assignment]
    span.status.message = given.get("status_message", "")
    attributes = dict(given.get("attributes", {}))
    if kind := given.get("kind"):
        attributes["openinference.span.kind"] = kind
    for key, value in attributes.items():
        span.attributes.append(KeyValue(key=key, value=any_value(value)))
    for given_event in given.get("events", ()):
        event = span.events.add(name=given_event["name"], time_unix_nano=start_ns)
        for key, value in given_event.get("attributes", {}).items():
            event.attributes.append(KeyValue(key=key, value=any_value(value)))


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP's AnyValue."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Mapping():
            result = AnyValue()
            result.kvlist_value.SetInParent()
            for key, item in value.items():
                result.kvlist_value.values.append(KeyValue(key=key, value=any_value(item)))
            return result
    result = AnyValue()
    result.array_value.SetInParent()
    result.array_value.values.extend(any_value(item) for item in value)
    return result


def new_trace_id() -> str:
    """A trace id that no other test has, in hex."""
    return os.urandom(16).hex()
