"""`groundtrace serve` as a user runs it: a process, its signals, its store and its port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.collector.conftest import ServeProcess
from tests.collector.otlp import new_trace_id, otlp_request

PROTOBUF = {"content-type": "application/x-protobuf"}


def run_serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.cli", "serve", "--no-worker", "--no-grpc", *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def send(url: str, *trace_ids: str) -> httpx.Response:
    body = otlp_request([{"trace_id": trace_id, "name": "ask"} for trace_id in trace_ids])
    return httpx.post(f"{url}/v1/traces", content=body, headers=PROTOBUF, timeout=30)


def stored(store: Path) -> dict[str, Any]:
    """Counts read by a process of its own, after the server has gone."""
    program = (
        "import json, sys, clickhouse_connect as cc\n"
        "c = cc.get_client(dsn='chdb://' + sys.argv[1], database='groundtrace')\n"
        "q = lambda s: c.query(s).result_rows\n"
        "print(json.dumps({'spans': q('SELECT count(), uniqExact(TraceId, SpanId) FROM otel_traces')[0],"
        " 'traces': sorted(r[0] for r in q('SELECT TraceId FROM traces FINAL'))}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(store / "engine")], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.verify
def test_a_plain_opentelemetry_exporter_is_understood(serve: ServeProcess) -> None:
    exporter = OTLPSpanExporter(endpoint=f"{serve.url}/v1/traces", compression=Compression.Gzip)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("ask") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    provider.shutdown()

    assert serve.signal(signal.SIGTERM) == 0
    assert stored(serve.store) == {"spans": [1, 1], "traces": [trace_id]}


def test_what_was_acknowledged_survives_kill_9_once(serve: ServeProcess) -> None:
    acknowledged = [new_trace_id() for _ in range(5)]
    for trace_id in acknowledged:
        assert send(serve.url, trace_id).status_code == 200

    serve.signal(signal.SIGKILL)
    serve.start()
    # A client that did not see its answer sends the same bytes again.
    again = otlp_request([{"trace_id": new_trace_id(), "span_id": "aa" * 8, "start_ns": time.time_ns()}])
    for _ in range(2):
        httpx.post(f"{serve.url}/v1/traces", content=again, headers=PROTOBUF).raise_for_status()
    assert serve.signal(signal.SIGTERM) == 0

    found = stored(serve.store)
    assert found["spans"] == [6, 6]
    assert set(acknowledged) < set(found["traces"])
    assert not list((serve.store / "segments").iterdir())


def test_sigterm_ends_with_0_and_keeps_everything(serve: ServeProcess) -> None:
    trace_ids = [new_trace_id() for _ in range(50)]
    assert send(serve.url, *trace_ids).status_code == 200

    assert serve.signal(signal.SIGTERM) == 0
    assert stored(serve.store)["traces"] == sorted(trace_ids)


def test_a_second_server_on_a_store_names_the_first_and_nothing_else(serve: ServeProcess) -> None:
    second = run_serve("--store", f"chdb://{serve.store}", "--port", "0")

    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == (
        f"groundtrace: the store {serve.store} is in use by pid {serve.pid} at {serve.url}\n"
    )


def test_a_taken_port_names_its_holder(serve: ServeProcess, tmp_path: Path) -> None:
    port = serve.url.rpartition(":")[2]
    second = run_serve("--store", f"chdb://{tmp_path / 'other'}", "--port", port)

    assert second.returncode == 1
    assert f"port {port} is taken by pid {serve.pid}" in second.stderr
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--host", "::"],
            "--host :: lets others on the network in, and there is no API key yet: make one",
            id="open-host",
        ),
        pytest.param(["--store", "postgres://x/y"], "store: must be chdb:///absolute/path", id="other-store"),
        pytest.param(
            ["--store", "chdb://relative"], "store: must be chdb:///absolute/path", id="relative-path"
        ),
        pytest.param(["--port", "70000"], "port: Input should be less than or equal to 65535", id="no-port"),
        pytest.param(["--store", "chdb:///proc/nowhere"], "cannot be written", id="read-only"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_1(arguments: list[str], message: str, tmp_path: Path) -> None:
    if "--store" not in arguments:
        arguments = [*arguments, "--store", f"chdb://{tmp_path / 'store'}"]
    done = run_serve(*arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_store_of_a_newer_engine_is_refused(serve: ServeProcess) -> None:
    serve.signal(signal.SIGTERM)
    (serve.store / "engine.json").write_text('{"engine": "99.1.1.1"}')

    done = run_serve("--store", f"chdb://{serve.store}", "--port", "0")

    assert done.returncode == 1
    assert "was written by ClickHouse 99.1.1.1" in done.stderr


def test_the_worker_runs_beside_the_server_and_ends_with_it(serve: ServeProcess) -> None:
    serve.signal(signal.SIGTERM)
    command = [sys.executable, "-m", "groundtrace_collector.cli", "serve", "--port", "0", "--no-grpc"]
    server = subprocess.Popen([*command, "--store", f"chdb://{serve.store}"], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        first = _until_one_child(server.pid)
        subprocess.run(["kill", "-9", str(first)], check=True)
        second = _until_one_child(server.pid, other_than=first)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0
        assert not Path(f"/proc/{second}").exists()
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def _until_one_child(pid: int, *, other_than: int = 0) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
        living = [child for child in children if child != other_than]
        if living:
            return living[0]
        time.sleep(0.05)
    raise AssertionError("the server started no worker")
