"""ClickHouse decodes random valid requests to the rows that opentelemetry-proto decodes them to."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.collector import Collector
from tests.collector.verify.random_requests import random_request
from tests.collector.verify.report import report
from tests.collector.verify.rows import COLUMNS, differences, placed_spans

AT_ONCE = 100
_IDS = ("traceId", "spanId", "parentSpanId")


def otlp_json(rng: random.Random, request: ExportTraceServiceRequest) -> bytes:
    """A request as OTLP/JSON by protobuf's own writer, with ids in hex and numbers written either way."""
    plain = MessageToDict(request, use_integers_for_enums=True)
    for group, plain_group in zip(request.resource_spans, plain["resourceSpans"], strict=True):
        for scope, plain_scope in zip(group.scope_spans, plain_group.get("scopeSpans", []), strict=True):
            for span, plain_span in zip(scope.spans, plain_scope.get("spans", []), strict=True):
                _put_ids(span, plain_span)
                for link, plain_link in zip(span.links, plain_span.get("links", []), strict=True):
                    _put_ids(link, plain_link)
    return json.dumps(_varied(rng, plain), ensure_ascii=rng.random() < 0.5).encode()


def _put_ids(message: Any, plain: dict[str, Any]) -> None:
    named = {field.json_name: field.name for field in message.DESCRIPTOR.fields}
    for name in _IDS:
        if name in plain:
            text = getattr(message, named[name]).hex()
            plain[name] = text.upper() if message.trace_id[0] % 2 else text


def _varied(rng: random.Random, plain: Any) -> Any:
    """64-bit integers as text or as numbers, nulls and unknown members among the others."""
    if isinstance(plain, list):
        return [_varied(rng, item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    varied = {}
    for name, value in plain.items():
        is_integer = name == "intValue" or name.endswith("UnixNano")
        varied[name] = int(value) if is_integer and rng.random() < 0.5 else _varied(rng, value)
    if rng.random() < 0.1:
        varied["addedIn2030"] = [{"stringValue": None}]
    return varied


async def send(client: httpx.AsyncClient, body: bytes, media_type: str) -> None:
    response = await client.post("/v1/traces", content=body, headers={"content-type": media_type})
    assert (response.status_code, response.content) in {(200, b""), (200, b"{}")}, response.content


@pytest.mark.parametrize("media_type", ["application/x-protobuf", "application/json"])
@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(200, id="200"),
        pytest.param(3_000, id="3000", marks=[pytest.mark.verify, pytest.mark.timeout(900)]),
    ],
)
async def test_random_requests_are_stored_as_protobuf_reads_them(
    client: httpx.AsyncClient, collector: Collector, requests: int, media_type: str
) -> None:
    rng = random.Random(f"{requests} {media_type}")  # noqa: S311
    began = time.monotonic()
    given = [random_request(rng) for _ in range(requests)]
    as_json = media_type == "application/json"
    bodies = [otlp_json(rng, one) if as_json else one.SerializeToString() for one in given]
    for start in range(0, requests, AT_ONCE):
        await asyncio.gather(*(send(client, body, media_type) for body in bodies[start : start + AT_ONCE]))
    await collector.settler.idle()

    rows = {row["TraceId"]: row for row in await collector.store.query(f"SELECT {COLUMNS} FROM otel_traces")}  # noqa: S608
    placed = [one for request in given for one in placed_spans(request)]
    assert rows.keys() == {span.trace_id.hex() for span, *_ in placed}
    found = [said for one in placed for said in differences(rows[one[0].trace_id.hex()], one)]
    settled = await collector.store.query("SELECT count() AS n, sum(SpanCount) AS spans FROM traces FINAL")
    report(
        f"differential, {media_type}: {requests:,} requests, {len(placed):,} spans, {len(found)} differences, "
        f"{time.monotonic() - began:.0f} s"
    )
    assert found == []
    assert settled == [{"n": len(placed), "spans": len(placed)}]
