"""OTLP/JSON says the same as the protobuf request that it is made into."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from groundtrace_collector.collector import Collector
from groundtrace_collector.errors import DecodeError
from groundtrace_collector.receive.otlp_json import to_protobuf
from tests.collector.otlp import any_value, new_trace_id

JSON = {"content-type": "application/json"}


def converted(body: Any) -> ExportTraceServiceRequest:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ExportTraceServiceRequest.FromString(to_protobuf(data, ExportTraceServiceRequest))


def with_span(**members: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [members]}]}]}


def span_of(**members: Any) -> Span:
    return converted(with_span(**members)).resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"stringValue": "ü\U0001f9ea"}, "ü\U0001f9ea", id="text"),
        pytest.param({"stringValue": ""}, "", id="empty-text"),
        pytest.param({"boolValue": False}, False, id="false"),
        pytest.param({"intValue": "-9223372036854775808"}, -(2**63), id="int-as-text"),
        pytest.param({"intValue": 9223372036854775807}, 2**63 - 1, id="int-as-number"),
        pytest.param({"intValue": 1e3}, 1_000, id="int-with-exponent"),
        pytest.param({"doubleValue": 3}, 3.0, id="double-without-point"),
        pytest.param({"doubleValue": "-1.5e3"}, -1_500.0, id="double-as-text"),
        pytest.param({"doubleValue": "-Infinity"}, -math.inf, id="infinity"),
        pytest.param({"bytesValue": "+/8="}, b"\xfb\xff", id="base64"),
        pytest.param({"bytesValue": "-_8"}, b"\xfb\xff", id="base64-of-urls"),
        pytest.param({}, None, id="unset"),
        pytest.param({"stringValue": None, "intValue": 1}, 1, id="null-is-left-out"),
        pytest.param({"arrayValue": {"values": [{"intValue": 1}, {}]}}, [1, None], id="array"),
        pytest.param({"arrayValue": {}}, [], id="empty-array"),
        pytest.param(
            {"kvlistValue": {"values": [{"key": "k", "value": {"arrayValue": {"values": []}}}]}},
            {"k": []},
            id="kvlist",
        ),
    ],
)
def test_a_value_is_what_it_says(value: Any, expected: Any) -> None:
    (attribute,) = span_of(attributes=[{"key": "key", "value": value}]).attributes

    assert attribute.value == any_value(expected)


def test_ids_are_hex_and_times_text_or_numbers_and_unknown_names_ignored() -> None:
    span = span_of(
        traceId="ABcd" * 8, spanId="12" * 8, parentSpanId="", kind=3, startTimeUnixNano="18446744073709551615",
        endTimeUnixNano=5, status={"code": 2, "message": "no"}, flags=257, droppedLinksCount=4294967295,
        links=[{"traceId": "ef" * 16, "spanId": "01" * 8, "traceState": "a=b"}], name=None,
        trace_id="ff" * 16, future={"a": [1]}, events=[{"timeUnixNano": 7, "name": "e"}],
    )  # fmt: skip

    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id) == ("abcd" * 8, "12" * 8, b"")
    assert (span.kind, span.status.code, span.status.message) == (3, 2, "no")
    assert (span.start_time_unix_nano, span.end_time_unix_nano, span.flags) == (2**64 - 1, 5, 257)
    assert (span.dropped_links_count, span.name) == (2**32 - 1, "")
    assert (span.links[0].trace_id.hex(), span.links[0].trace_state) == ("ef" * 16, "a=b")
    assert (span.events[0].time_unix_nano, span.events[0].name) == (7, "e")


def test_enums_by_name_are_understood() -> None:
    assert span_of(kind="SPAN_KIND_CLIENT").kind == Span.SPAN_KIND_CLIENT


def test_logs_are_made_over_as_well() -> None:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "ab" * 16, "eventName": "e"}]}]}]}
    request = ExportLogsServiceRequest.FromString(
        to_protobuf(json.dumps(body).encode(), ExportLogsServiceRequest)
    )

    record = request.resource_logs[0].scope_logs[0].log_records[0]
    assert (record.trace_id.hex(), record.event_name) == ("ab" * 16, "e")


ATTRIBUTE = "resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the body is not JSON: Expecting value", id="empty"),
        pytest.param(b"{", "the body is not JSON", id="cut"),
        pytest.param(b'"\xff"', "the body is not UTF-8: byte 1 is 0xff", id="no-utf-8"),
        pytest.param(b"[" * 100_000, "nested deeper than JSON is read", id="deep-json"),
        pytest.param(b"1" * 10_000, "the body is not JSON: Exceeds the limit", id="digits"),
        pytest.param(b"[]", r"the body must be an object, got \[\]", id="no-object"),
        pytest.param(b'{"resourceSpans": {}}', r"resourceSpans must be an array, got \{\}", id="no-array"),
        pytest.param(b'{"resourceSpans": [null]}', r"resourceSpans\[0\] must be an object, got null", id="null"),
        pytest.param(with_span(traceId="xy"), r'spans\[0\]\.traceId must be an id in hex, got "xy"', id="hex"),
        pytest.param(with_span(spanId=7), "spanId must be an id in hex, got 7", id="number-for-id"),
        pytest.param(with_span(name=7), "name must be a string, got 7", id="number-for-text"),
        pytest.param(with_span(name="\ud800"), "name has half a surrogate pair at character 0", id="surrogate"),
        pytest.param(with_span(startTimeUnixNano=-1), "startTimeUnixNano must be a whole number from 0", id="negative"),
        pytest.param(with_span(startTimeUnixNano="1_0"), 'from 0 to 18446744073709551615, got "1_0"', id="digits-only"),
        pytest.param(with_span(kind="CLIENT"), 'kind must be a whole number .*, got "CLIENT"', id="enum"),
        pytest.param(with_span(flags=True), "flags must be a whole number .*, got true", id="bool-for-number"),
        *(
            pytest.param(with_span(attributes=[{"key": "k", "value": value}]), message, id=name)
            for name, value, message in (
                ("two-values", {"intValue": 1, "boolValue": True}, "boolValue cannot be set beside intValue"),
                ("number-for-bool", {"boolValue": 1}, "boolValue must be true or false, got 1"),
                ("big-int", {"intValue": "9223372036854775808"}, r"intValue must be .*, got \"9223372036854775808\""),
                ("half-int", {"intValue": 1.5}, r"value\.intValue must be a whole number .*, got 1.5"),
                ("no-double", {"doubleValue": "x"}, 'doubleValue must be a number, got "x"'),
                ("nan-literal", {"doubleValue": math.nan}, "the body is not JSON: NaN is not a JSON number"),
                ("no-base64", {"bytesValue": "*"}, r'bytesValue must be bytes in base64, got "\*"'),
            )
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_value(body: Any, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        converted(body)


def test_values_nested_deeper_than_protobuf_follows_are_refused() -> None:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}

    with pytest.raises(DecodeError, match="nested deeper than 100 messages"):
        converted(with_span(attributes=[{"key": "k", "value": value}]))


async def test_json_is_stored_and_answered_in_json(client: httpx.AsyncClient, collector: Collector) -> None:
    trace_id = new_trace_id()
    span = {"traceId": trace_id, "spanId": "ab" * 8, "startTimeUnixNano": "1", "name": "old"}
    fresh = {**span, "startTimeUnixNano": str(collector.store.next_seq() * 1_000), "name": "ask"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span, fresh]}]}]}
    response = await client.post("/v1/traces", json=body)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert await collector.store.query("SELECT TraceId, SpanName FROM otel_traces") == [
        {"TraceId": trace_id, "SpanName": "ask"}
    ]


async def test_a_mistake_in_json_is_answered_400_in_json(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/traces", content=b'{"resourceSpans": 1}', headers=JSON)

    assert response.status_code == 400
    fault = "the body is not an ExportTraceServiceRequest: resourceSpans must be an array, got 1"
    detail = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"description": fault}],
    }
    assert response.json() == {"code": 3, "message": fault, "details": [detail]}
