"""What `otel_traces` should hold of a span, by opentelemetry-proto and nothing of the collector's."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

COLUMNS = """toUnixTimestamp64Nano(Timestamp) AS start_ns, TraceId, SpanId, ParentSpanId, TraceState, SpanName,
    SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode,
    StatusMessage, arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS event_ns, `Events.Name`,
    `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`,
    Flags, DroppedAttributes, DroppedEvents, DroppedLinks, ResourceSchemaUrl, ScopeSchemaUrl, ScopeAttributes"""
_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES = ("Unset", "Ok", "Error")
_LAST_NS = 2**63 - 1  # the last instant that the store can hold

Placed = tuple[Span, ScopeSpans, ResourceSpans]


def placed_spans(request: ExportTraceServiceRequest) -> Iterator[Placed]:
    """Each span of a request with the scope and the resource that it lies in."""
    for group in request.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                yield span, scope, group


def differences(row: dict[str, Any], placed: Placed) -> list[str]:
    """What a stored row says otherwise than its span does; empty where they agree."""
    span, scope, group = placed
    expected = _plain_columns(span, scope, group)
    found = [
        f"{name}: {row[name]!r}, not {value!r}" for name, value in expected.items() if row[name] != value
    ]
    pairs: list[tuple[str, dict[str, str], Iterable[KeyValue]]] = [
        ("SpanAttributes", row["SpanAttributes"], span.attributes),
        ("ResourceAttributes", row["ResourceAttributes"], group.resource.attributes),
        ("ScopeAttributes", row["ScopeAttributes"], scope.scope.attributes),
    ]
    for column, lists in (
        ("Events.Attributes", [event.attributes for event in span.events]),
        ("Links.Attributes", [link.attributes for link in span.links]),
    ):
        if len(row[column]) != len(lists):
            found.append(f"{column}: {len(row[column])} of them, not {len(lists)}")
        pairs += [(column, stored, given) for stored, given in zip(row[column], lists, strict=False)]
    for column, stored, given in pairs:
        found += [f"{column}[{key!r}]: {said}" for key, said in _attribute_differences(stored, given)]
    return found


def _plain_columns(span: Span, scope: ScopeSpans, group: ResourceSpans) -> dict[str, Any]:
    service = [item.value for item in group.resource.attributes if item.key == "service.name"]
    return {
        "start_ns": span.start_time_unix_nano, "TraceId": span.trace_id.hex(), "SpanId": span.span_id.hex(),
        "ParentSpanId": span.parent_span_id.hex(), "TraceState": span.trace_state, "SpanName": span.name,
        "SpanKind": _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "",
        "ScopeName": scope.scope.name, "ScopeVersion": scope.scope.version,
        "Duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano),
        "StatusCode": _STATUSES[span.status.code] if 0 <= span.status.code < len(_STATUSES) else "",
        "StatusMessage": span.status.message,
        "event_ns": [min(event.time_unix_nano, _LAST_NS) for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Links.TraceId": [link.trace_id.hex() for link in span.links],
        "Links.SpanId": [link.span_id.hex() for link in span.links],
        "Links.TraceState": [link.trace_state for link in span.links],
        "Flags": span.flags, "DroppedAttributes": span.dropped_attributes_count,
        "DroppedEvents": span.dropped_events_count, "DroppedLinks": span.dropped_links_count,
        "ResourceSchemaUrl": group.schema_url, "ScopeSchemaUrl": scope.schema_url,
        **({} if service and _is_loose(service[0]) else {"ServiceName": _text(service[0]) if service else ""}),
    }  # fmt: skip


def _is_loose(value: AnyValue) -> bool:
    """Whether the stored text may be spelt in more than one way: numbers and JSON."""
    return value.WhichOneof("value") in {"double_value", "array_value", "kvlist_value"}


def _attribute_differences(stored: dict[str, str], given: Iterable[KeyValue]) -> Iterator[tuple[str, str]]:
    wanted = {item.key: item.value for item in given}  # of a repeated key the last one counts
    for key in stored.keys() ^ wanted.keys():
        yield key, "it should not be there" if key in stored else "it is not there"
    for key in stored.keys() & wanted.keys():
        if not _says(stored[key], wanted[key]):
            yield key, f"{stored[key]!r}, not {_text(wanted[key])!r}"


def _says(stored: str, value: AnyValue) -> bool:
    """Whether a stored attribute says what was sent; JSON and floating point numbers may be spelt otherwise."""
    member = value.WhichOneof("value")
    try:
        if member == "double_value":
            number = float(stored)
            return number == value.double_value or (math.isnan(number) and math.isnan(value.double_value))
        if member in {"array_value", "kvlist_value"}:
            return bool(json.loads(stored) == _plain(value))
    except ValueError:
        return False
    return stored == _text(value)


def _text(value: AnyValue) -> str:
    member = value.WhichOneof("value")
    match member:
        case None:
            return ""
        case "array_value" | "kvlist_value":
            return json.dumps(_plain(value))
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "bool_value":
            return "true" if value.bool_value else "false"
    return str(getattr(value, member))


def _plain(value: AnyValue) -> Any:
    """A value as JSON has it; what JSON has no word for is null."""
    member = value.WhichOneof("value")
    match member:
        case None:
            return None
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _plain(item.value) for item in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "double_value":
            return value.double_value if math.isfinite(value.double_value) else None
    return getattr(value, member)
