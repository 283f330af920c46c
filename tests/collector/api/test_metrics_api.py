"""/metrics: what happened is counted, and so is each refusal."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from groundtrace_collector.access.key import Role
from groundtrace_collector.collector import Collector
from groundtrace_collector.errors import StoreError
from groundtrace_collector.receive.otlp_grpc import GrpcServer
from tests.collector.access.conftest import bearer
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id, otlp_request
from tests.collector.receive.test_otlp_grpc import export, refusal

PROTOBUF = {"content-type": "application/x-protobuf"}


async def value(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


async def test_spans_commits_and_requests_are_counted(client: httpx.AsyncClient, send: Send) -> None:
    trace_id = new_trace_id()
    body = otlp_request([{"trace_id": trace_id}, {"trace_id": trace_id}])

    await client.post("/v1/traces", content=body, headers=PROTOBUF)
    await send([{"trace_id": new_trace_id()}])

    assert await value(client, "groundtrace_spans_accepted_total") == 3
    assert await value(client, "groundtrace_commit_seconds_count") == 2
    assert await value(client, "groundtrace_commit_bytes_total") > len(body)
    assert await value(client, "groundtrace_requests_total", route="/v1/traces", status="200") == 2
    assert await value(client, "groundtrace_request_seconds_count", route="/v1/traces") == 2
    assert await value(client, "groundtrace_queue_bytes") == 0
    assert await value(client, "groundtrace_settle_lag_seconds") == 0
    assert await value(client, "process_resident_memory_bytes") > 1 << 20


async def test_a_route_is_counted_by_its_pattern_and_never_by_what_was_sent(
    client: httpx.AsyncClient,
) -> None:
    await client.get(f"/api/v1/traces/{new_trace_id()}")
    await client.get("/anything/at/all")

    text = (await client.get("/metrics")).text

    assert 'route="/api/v1/traces/{trace_id}",status="404"' in text
    assert 'route="other",status="404"' in text
    assert "anything" not in text


@pytest.mark.parametrize(
    ("method", "path", "sent", "reason"),
    [
        ("POST", "/v1/traces", {"content": b"\xff", "headers": PROTOBUF}, "undecodable"),
        ("POST", "/v1/traces", {"headers": {"content-type": "text/plain"}}, "unsupported_media_type"),
        ("POST", "/v1/traces", {"content": b"\x0a\x00" * 1_000_001, "headers": PROTOBUF}, "too_large"),
        ("POST", "/v1/logs", {"content": b"\xff", "headers": PROTOBUF}, "undecodable"),
        ("GET", "/api/v1/traces?where=nonsense", {}, "invalid_where"),
        ("GET", "/api/v1/traces?limit=x", {}, "invalid"),
        ("GET", "/healthz", {"headers": {"host": "evil.example"}}, "unexpected_host"),
        ("POST", "/healthz", {"headers": {"origin": "http://evil.example"}}, "foreign_origin"),
        ("GET", "/nothing", {}, "http_404"),
    ],
)
async def test_each_refusal_is_counted_by_its_reason(
    client: httpx.AsyncClient, method: str, path: str, sent: dict[str, object], reason: str
) -> None:
    answer = await client.request(method, path, **sent)  # type: ignore[arg-type]

    assert answer.status_code >= 400
    assert await value(client, "groundtrace_requests_refused_total", reason=reason) == 1


async def test_a_missing_key_is_counted(client: httpx.AsyncClient, collector: Collector) -> None:
    _, token = await collector.keys.create(name="ops", role=Role.READ, project=None)

    assert (await client.get("/api/v1/traces")).status_code == 401
    client.headers.update(bearer(token))

    assert await value(client, "groundtrace_requests_refused_total", reason="unauthorized") == 1


async def test_spans_that_are_left_out_are_counted_by_their_fault(client: httpx.AsyncClient) -> None:
    body = otlp_request([{"trace_id": new_trace_id(), "start_ns": 1}, {"trace_id": new_trace_id()}])
    await client.post("/v1/traces", content=body, headers=PROTOBUF)

    name = "groundtrace_spans_refused_total"
    assert await value(client, name, reason="the span is older than the retention") == 1
    assert await value(client, "groundtrace_spans_accepted_total") == 1


async def test_attributes_that_are_cut_or_left_out_are_counted_by_the_reason(
    client: httpx.AsyncClient,
) -> None:
    attributes = {"long": "x" * (2 << 20), **{f"key {n}": n for n in range(10_000)}}
    body = otlp_request([{"trace_id": new_trace_id(), "attributes": attributes}])
    await client.post("/v1/traces", content=body, headers=PROTOBUF)

    name = "groundtrace_attributes_cut_total"
    assert await value(client, name, reason="the value was too long and is cut") == 1
    assert await value(client, name, reason="there were too many and it is left out") == 1


async def test_what_the_store_refuses_is_counted(client: httpx.AsyncClient, collector: Collector) -> None:
    before = await value(client, "groundtrace_store_errors_total", kind="other")

    with pytest.raises(StoreError):
        await collector.store.query("SELECT nothing FROM nowhere")

    assert await value(client, "groundtrace_store_errors_total", kind="other") == before + 1


async def test_grpc_is_counted_beside_http(client: httpx.AsyncClient, collector: Collector) -> None:
    server = GrpcServer(collector.config.model_copy(update={"grpc_port": 0}))
    await server.start(collector)
    await export(server, otlp_request([{"trace_id": new_trace_id()}]))
    await refusal(server, b"\xff")
    await server.close(0)

    assert await value(client, "groundtrace_requests_total", protocol="grpc", status="OK") == 1
    assert await value(client, "groundtrace_requests_total", protocol="grpc", status="INVALID_ARGUMENT") == 1
    assert await value(client, "groundtrace_requests_refused_total", reason="undecodable") == 1


async def test_every_metric_is_in_the_documentation(client: httpx.AsyncClient) -> None:
    from pathlib import Path

    documented = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    families = text_string_to_metric_families((await client.get("/metrics")).text)

    missing = {
        family.name
        for family in families
        if family.name.startswith("groundtrace_")
        and not family.name.endswith("_created")
        and family.name not in documented
    }
    assert missing == set()
