"""ClickHouse decodes random valid requests to the rows that opentelemetry-proto decodes them to."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import random
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from groundtrace_collector.commit.queue import CommitQueue
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.gate.gate import Limits, check
from groundtrace_collector.store.store import Store
from tests.collector.otlp import any_value

NOW_NS = time.time_ns()
WORDS = [
    "",
    "a",
    "ü",
    "日本語",
    "\U0001f9ea",
    "line\nbreak",
    "tab\t",
    '"quoted"',
    "\\",
    "\x00",
    "x" * 300,
    "{}",
    "null",
]
NUMBERS = [0, 1, -1, 2**63 - 1, -(2**63), 12345678901234567]
DOUBLES = [0.0, -0.0, 1.5, -2.25, 1e300, 5e-324, 0.1, math.inf, -math.inf, math.nan, 123456789.125]
COLUMNS = """toUnixTimestamp64Nano(Timestamp) AS start_ns, TraceId, SpanId, ParentSpanId, TraceState, SpanName,
    SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode,
    StatusMessage, arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS event_ns, `Events.Name`,
    `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`,
    Flags, DroppedAttributes, DroppedEvents, DroppedLinks, ResourceSchemaUrl, ScopeSchemaUrl, ScopeAttributes"""


def random_value(rng: random.Random, depth: int = 0) -> AnyValue:
    kind = rng.randrange(9 if depth < 3 else 6)
    match kind:
        case 0 | 1:
            return any_value(rng.choice(WORDS))
        case 2:
            return any_value(rng.choice(NUMBERS))
        case 3:
            return any_value(rng.choice(DOUBLES))
        case 4:
            return any_value(rng.random() < 0.5)
        case 5:
            return rng.choice([any_value(rng.randbytes(rng.randrange(5))), AnyValue()])
        case 6 | 7:
            value = AnyValue()
            value.array_value.SetInParent()
            value.array_value.values.extend(random_value(rng, depth + 1) for _ in range(rng.randrange(4)))
            return value
    value = AnyValue()
    value.kvlist_value.SetInParent()
    for n in range(rng.randrange(3)):
        value.kvlist_value.values.append(KeyValue(key=f"k{n}", value=random_value(rng, depth + 1)))
    return value


def random_attributes(rng: random.Random, most: int) -> list[KeyValue]:
    keys = rng.sample(
        ["a", "b.c", "ü", "service.name", "long" * 20, "", "session.id", "metadata"], rng.randrange(most)
    )
    return [KeyValue(key=key, value=random_value(rng)) for key in keys]


def fill_span(rng: random.Random, span: Span) -> None:
    span.trace_id, span.span_id = rng.randbytes(16), rng.randbytes(8)
    span.parent_span_id = rng.choice([b"", rng.randbytes(8)])
    span.trace_state, span.name = rng.choice(WORDS), rng.choice(WORDS)
    span.kind = rng.randrange(6)  # type: ignore[assignment]
    span.start_time_unix_nano = NOW_NS - rng.randrange(10**15)
    span.end_time_unix_nano = span.start_time_unix_nano + rng.choice([-5, 0, 1, 10**9])
    span.attributes.extend(random_attributes(rng, 7))
    span.dropped_attributes_count, span.flags = rng.choice([0, 2**32 - 1]), rng.choice([0, 257])
    span.dropped_events_count, span.dropped_links_count = rng.randrange(3), rng.randrange(3)
    span.status.code, span.status.message = rng.randrange(3), rng.choice(WORDS)  # type: ignore[assignment]
    for _ in range(rng.randrange(3)):
        event = span.events.add(name=rng.choice(WORDS), time_unix_nano=rng.choice([0, NOW_NS]))
        event.attributes.extend(random_attributes(rng, 4))
    for _ in range(rng.randrange(3)):
        link = span.links.add(
            trace_id=rng.randbytes(16), span_id=rng.randbytes(8), trace_state=rng.choice(WORDS)
        )
        link.attributes.extend(random_attributes(rng, 4))


def random_request(rng: random.Random) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for _ in range(rng.randint(1, 2)):
        group = request.resource_spans.add(schema_url=rng.choice(WORDS))
        group.resource.attributes.extend(random_attributes(rng, 5))
        for _ in range(rng.randint(1, 2)):
            scope = group.scope_spans.add(schema_url=rng.choice(WORDS))
            scope.scope.name, scope.scope.version = rng.choice(WORDS), rng.choice(WORDS)
            scope.scope.attributes.extend(random_attributes(rng, 3))
            for _ in range(rng.randrange(3)):
                fill_span(rng, scope.spans.add())
    return request


def plain(value: AnyValue) -> Any:
    member = value.WhichOneof("value")
    if member is None:
        return None
    if member == "array_value":
        return [plain(item) for item in value.array_value.values]
    if member == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    if member == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if member == "double_value" and not math.isfinite(value.double_value):
        return None
    return getattr(value, member)


def text(value: AnyValue) -> Any:
    """An attribute as the exporter's tables hold it; containers are compared as JSON, doubles as numbers."""
    match value.WhichOneof("value"):
        case None:
            return ""
        case "array_value" | "kvlist_value":
            return plain(value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "double_value":
            return value.double_value
    return str(getattr(value, str(value.WhichOneof("value"))))


def assert_attributes(stored: dict[str, str], given: Any, context: object) -> None:
    assert set(stored) == {item.key for item in given}, context
    for item in given:
        expected, found = text(item.value), stored[item.key]
        if isinstance(expected, float):
            assert float(found) == expected or (math.isnan(float(found)) and math.isnan(expected)), context
        elif isinstance(expected, (list, dict)):
            assert json.loads(found) == expected, (item.key, found, context)
        else:
            assert found == expected, (item.key, context)


def assert_row(row: dict[str, Any], span: Span, scope: Any, group: Any) -> None:
    resource = group.resource.attributes
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    expected = {
        "start_ns": start, "SpanId": span.span_id.hex(), "ParentSpanId": span.parent_span_id.hex(),
        "TraceState": span.trace_state, "SpanName": span.name,
        "SpanKind": ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")[span.kind],
        "ScopeName": scope.scope.name, "ScopeVersion": scope.scope.version, "Duration": max(0, end - start),
        "StatusCode": ("Unset", "Ok", "Error")[span.status.code], "StatusMessage": span.status.message,
        "event_ns": [event.time_unix_nano for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Links.TraceId": [link.trace_id.hex() for link in span.links],
        "Links.SpanId": [link.span_id.hex() for link in span.links],
        "Links.TraceState": [link.trace_state for link in span.links],
        "Flags": span.flags, "DroppedAttributes": span.dropped_attributes_count,
        "DroppedEvents": span.dropped_events_count, "DroppedLinks": span.dropped_links_count,
        "ResourceSchemaUrl": group.schema_url, "ScopeSchemaUrl": scope.schema_url,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert_attributes(row["SpanAttributes"], span.attributes, span)
    assert_attributes(row["ResourceAttributes"], resource, span)
    assert_attributes(row["ScopeAttributes"], scope.scope.attributes, span)
    for stored, event in zip(row["Events.Attributes"], span.events, strict=True):
        assert_attributes(stored, event.attributes, span)
    for stored, link in zip(row["Links.Attributes"], span.links, strict=True):
        assert_attributes(stored, link.attributes, span)
    service = next((item.value for item in resource if item.key == "service.name"), AnyValue())
    assert_attributes(
        {"service.name": row["ServiceName"]}, [KeyValue(key="service.name", value=service)], span
    )


@pytest.mark.parametrize(
    "requests", [pytest.param(300, id="300"), pytest.param(3_000, id="3000", marks=pytest.mark.verify)]
)
async def test_random_requests_decode_to_the_rows_that_protobuf_gives(
    store: Store, tmp_path: Any, requests: int
) -> None:
    rng = random.Random(11)  # noqa: S311
    limits = Limits.at(NOW_NS, retention_days=30, attribute_bytes=1 << 20)
    given = [random_request(rng) for _ in range(requests)]
    commits = CommitQueue(CollectorConfig(store=store.url, data_dir=tmp_path, grpc_port=None), store)
    commits.start()
    for start in range(0, requests, 300):
        checked = [check(request.SerializeToString(), limits) for request in given[start : start + 300]]
        for one in checked:
            assert one.refused == 0
        await asyncio.gather(*(commits.submit(one) for one in checked))
    await commits.close()

    rows = {row["TraceId"]: row for row in await store.query(f"SELECT {COLUMNS} FROM otel_traces")}  # noqa: S608
    spans = [
        (s, q, r) for request in given for r in request.resource_spans for q in r.scope_spans for s in q.spans
    ]
    assert len(rows) == len(spans)
    for span, scope, group in spans:
        assert_row(rows[span.trace_id.hex()], span, scope, group)
