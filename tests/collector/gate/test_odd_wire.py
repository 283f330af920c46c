"""Bytes that ClickHouse alone would read otherwise than protobuf are stored as protobuf reads them."""

from __future__ import annotations

import os
import time
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from groundtrace_collector.collector import Collector
from groundtrace_collector.gate.frame import varint
from groundtrace_collector.store.driver import ERRORS
from tests.collector.verify.rows import COLUMNS, differences, placed_spans

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WRONG_TYPES = {VARINT: b"\x05", FIXED64: b"\x01" * 8, BYTES: b"\x02ab", FIXED32: b"\x01" * 4}


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def a_span() -> bytes:
    """A span with a value in every field, under an id of its own."""
    span = Span(
        trace_id=os.urandom(16), span_id=b"s" * 8, parent_span_id=b"p" * 8, trace_state="state", name="name",
        kind=Span.SPAN_KIND_SERVER, start_time_unix_nano=time.time_ns(), flags=7, dropped_attributes_count=1,
        dropped_events_count=2, dropped_links_count=3,
    )  # fmt: skip
    span.end_time_unix_nano = span.start_time_unix_nano + 5
    span.status.code, span.status.message = 1, "fine"  # type: ignore[assignment]
    span.attributes.add(key="key").value.string_value = "value"
    span.events.add(name="event").attributes.add(key="key").value.int_value = 1
    return span.SerializeToString()


def array(text: bytes) -> bytes:
    return field(2, field(5, field(1, field(1, text))))


def twice() -> bytes:
    """A request in which whatever may occur once occurs twice, or in two parts."""
    attribute = field(1, b"no") + field(1, b"key 2") + field(2, field(1, b"no")) + field(2, field(1, b"yes"))
    span = a_span() + b"".join(
        (
            field(3, b"other state"), field(5, b"other name"), b"\x30\x03", field(15, field(2, b"no")),
            field(15, field(2, b"still fine")), field(9, attribute),
            field(9, field(1, b"key 3") + array(b"a") + array(b"b")),
            field(9, field(1, b"key 4") + array(b"no") + field(2, b"\x18\x05")),
            field(11, field(2, b"no") + field(2, b"event 2")), b"\x50\x01\x50\x09",
        )
    )  # fmt: skip
    resource = field(1, field(1, field(1, b"service.name") + field(2, field(1, b"shop"))))
    other = field(1, field(1, field(1, b"host") + field(2, field(1, b"h1"))))
    scope = field(1, field(1, b"no") + field(2, b"1.0")) + field(1, field(1, b"scope"))
    return field(1, resource + other + field(2, scope + field(2, span)) + field(3, b"no") + field(3, b"url"))


def of_wrong_types() -> bytes:
    """A request of spans, each with one more field of a known number and a wire type that it never has."""
    native = dict.fromkeys((1, 2, 3, 4, 5, 9, 11, 13, 15), BYTES) | {7: FIXED64, 8: FIXED64, 16: FIXED32}
    spans = [
        a_span() + varint(number << 3 | wire_type) + content
        for number in range(1, 17)
        for wire_type, content in WRONG_TYPES.items()
        if wire_type != native.get(number, VARINT)
    ]
    return field(1, field(2, b"".join(field(2, span) for span in spans)))


async def stored_otherwise(client: httpx.AsyncClient, collector: Collector, body: bytes) -> list[Any]:
    """Send a request, and return what is stored of it otherwise than protobuf reads it."""
    response = await client.post(
        "/v1/traces", content=body, headers={"content-type": "application/x-protobuf"}
    )
    assert (response.status_code, response.content) == (200, b"")
    rows = await collector.store.query(f"SELECT {COLUMNS} FROM otel_traces")  # noqa: S608
    by_id = {row["TraceId"]: row for row in rows}
    placed = list(placed_spans(ExportTraceServiceRequest.FromString(body)))
    assert len(by_id) == len(placed)
    return [said for one in placed for said in differences(by_id[one[0].trace_id.hex()], one)]


async def test_the_last_of_a_field_given_twice_counts_and_parts_are_put_together(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    assert await stored_otherwise(client, collector, twice()) == []


async def test_a_field_of_a_wrong_wire_type_changes_nothing(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    before = ERRORS["parse"]

    assert await stored_otherwise(client, collector, of_wrong_types()) == []
    assert ERRORS["parse"] == before, "the store never saw them"
