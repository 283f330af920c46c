"""The collector on a ClickHouse server, reached over HTTP: OTLP in, traces out, also when the server goes away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.doctor.finding import State
from groundtrace_collector.doctor.stored import check_store
from groundtrace_collector.store.store import Store
from tests.collector.conftest import BASE_URL, MEMORY_BYTES
from tests.collector.otlp import SpanDict, new_trace_id, otlp_request
from tests.collector.store.conftest import Server

PROTOBUF = {"content-type": "application/x-protobuf"}
DATABASE = "house"


def config_of(server: Server, folder: Path) -> CollectorConfig:
    return CollectorConfig(
        store=server.url(DATABASE), data_dir=folder, grpc_port=None, worker=False, settle_ms=0, wait_s=0.5
    )


@pytest.fixture
async def collector(server: Server, tmp_path: Path) -> AsyncIterator[Collector]:
    collector = await Collector.open(config_of(server, tmp_path / "data"))
    collector.start()
    await collector.commits.ready.wait()
    yield collector
    await collector.close()


@pytest.fixture
async def client(collector: Collector) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(collector))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


def rag_trace(trace_id: str) -> list[SpanDict]:
    document = {"id": "doc-7", "score": 0.75, "content": "Refunds take a week."}
    return [
        {
            "trace_id": trace_id, "span_id": "aa" * 8, "kind": "CHAIN", "name": "ask",
            "attributes": {"input.value": "how long?", "output.value": "a week", "metadata": '{"lang": "de"}'},
        },
        {
            "trace_id": trace_id, "parent_span_id": "aa" * 8, "kind": "RETRIEVER", "name": "find",
            "attributes": {f"retrieval.documents.0.document.{key}": value for key, value in document.items()},
        },
    ]  # fmt: skip


async def test_a_trace_comes_in_and_is_read_everywhere(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    trace_id = new_trace_id()
    body = otlp_request(rag_trace(trace_id))
    for _ in range(2):  # the answer was lost once
        assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
    score = {"trace_id": trace_id, "name": "groundedness", "score": 0.25}
    assert (await client.post("/api/v1/scores", json={"scores": [score]})).json()["accepted"] == 1
    await collector.settler.idle()

    trace = (await client.get(f"/api/v1/traces/{trace_id}")).json()
    assert (trace["query"], trace["answer"], trace["metadata"]) == ("how long?", "a week", {"lang": "de"})
    assert [(each["id"], each["score"], each["content"]) for each in trace["documents"]] == [
        ("doc-7", 0.75, "Refunds take a week.")
    ]
    where = {"where": "metadata.lang = 'de' and score.groundedness < 0.5 and document = 'doc-7'"}
    assert (await client.get("/api/v1/traces/count", params=where)).json() == {"traces": 1, "spans": 2}
    cohorts = await client.get("/api/v1/cohorts", params={"by": "metadata.lang", "metrics": "traces,p50_ms"})
    assert [each["key"] for each in cohorts.json()["cohorts"]] == ["de"]
    sides = {"by": "encoder", "base": "a", "candidate": "b", "metrics": "p99_ms,fail_rate:groundedness"}
    assert (await client.get("/api/v1/compare", params=sides)).status_code == 200
    asked = {"sql": "SELECT SpanName, count() AS n FROM otel_traces GROUP BY SpanName ORDER BY SpanName"}
    assert (await client.post("/api/v1/sql", json=asked)).json()["rows"] == [
        {"SpanName": "ask", "n": 1}, {"SpanName": "find", "n": 1},
    ]  # fmt: skip
    for page in (
        "/",
        f"/traces/{trace_id}",
        "/cohorts",
        "/compare",
        "/evaluations",
        "/encoders",
        "/settings",
    ):
        assert (await client.get(page)).status_code == 200, page


@pytest.mark.verify
async def test_a_store_is_opened_again_with_what_it_holds(server: Server, tmp_path: Path) -> None:
    ids = []
    for name in ("first", "second"):
        store = await Store.open(
            server.url("twice"), data_dir=tmp_path / name, memory_bytes=MEMORY_BYTES, retention_days=7
        )
        await store.insert("feedback", [{"TraceId": name, "Name": "thumbs", "Seq": store.next_seq()}])
        ids = [row["TraceId"] for row in await store.query("SELECT TraceId FROM feedback FINAL ORDER BY Seq")]
        await store.close()

    assert ids == ["first", "second"]


async def test_a_server_that_goes_away_delays_and_loses_nothing(
    client: httpx.AsyncClient, collector: Collector, server: Server
) -> None:
    taken, refused = new_trace_id(), new_trace_id()
    assert (await client.get("/api/v1/traces")).status_code == 200  # now it knows that there are no keys
    server.kill()
    sending = asyncio.create_task(
        client.post("/v1/traces", content=otlp_request([{"trace_id": taken}]), headers=PROTOBUF)
    )
    await asyncio.sleep(0.3)  # by now it is in a segment, which the server does not take
    later = await client.post("/v1/traces", content=otlp_request([{"trace_id": refused}]), headers=PROTOBUF)
    listed = await client.get("/api/v1/traces")
    server.start()

    assert (later.status_code, listed.status_code) == (503, 503)
    assert listed.json()["error"]["message"].endswith("does not answer: Connection refused")
    assert int(later.headers["retry-after"]) >= 1
    assert (await sending).status_code == 200
    rows = await collector.store.query(
        "SELECT TraceId FROM otel_traces WHERE TraceId IN {ids:Array(String)}", {"ids": [taken, refused]}
    )
    assert rows == [{"TraceId": taken}]


def test_the_doctor_looks_at_a_server(server: Server, tmp_path: Path) -> None:
    known = config_of(server, tmp_path)
    unknown = known.model_copy(update={"store": server.url("nowhere")})

    assert "is not there yet" in check_store(unknown)[0].message
    assert {each.state for each in check_store(known)} == {State.OK}


@pytest.mark.verify
def test_serve_needs_no_chdb_for_a_server_and_stops_in_order(server: Server, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['chdb'] = None\n"
        "from groundtrace_collector.cli import main\n"
        "sys.exit(main())\n"
    )
    log = tmp_path / "serve.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--port", "0", "--no-grpc", "--no-worker"],
            stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, "GROUNDTRACE_STORE": server.url("served"), "GROUNDTRACE_DATA_DIR": str(tmp_path)},
        )  # fmt: skip
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, log.read_text()
        body = otlp_request([{"trace_id": new_trace_id()}])
        assert httpx.post(f"{url}/v1/traces", content=body, headers=PROTOBUF, timeout=30).status_code == 200
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert time.monotonic() - began < 10
    assert log.read_text() == ""
    assert not list((tmp_path / "segments").iterdir())
