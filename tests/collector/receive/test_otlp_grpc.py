"""OTLP over gRPC: a real server and real exporters."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from groundtrace_collector.access.key import Role
from groundtrace_collector.collector import Collector
from groundtrace_collector.errors import ConfigError
from groundtrace_collector.receive import otlp_grpc
from groundtrace_collector.receive.otlp_grpc import LOGS, TRACES, GrpcServer
from tests.collector.conftest import ServeProcess
from tests.collector.otlp import new_trace_id, otlp_request
from tests.collector.receive.test_otlp_logs import RESULT, record, request


@pytest.fixture
async def server(collector: Collector) -> AsyncIterator[GrpcServer]:
    server = GrpcServer(collector.config.model_copy(update={"grpc_port": 0, "inflated_bytes": 1 << 20}))
    await server.start(collector)
    yield server
    await server.close(0)


async def export(server: GrpcServer, body: bytes, *, token: str = "", service: str = TRACES) -> bytes:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{service}/Export")
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        answer: bytes = await call(body, metadata=metadata, timeout=30, compression=grpc.Compression.Gzip)
        return answer


async def refusal(
    server: GrpcServer, body: bytes, *, token: str = "", service: str = TRACES
) -> tuple[grpc.StatusCode, Status]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await export(server, body, token=token, service=service)
    trailing = dict(caught.value.trailing_metadata() or ())
    details = trailing.get("grpc-status-details-bin", b"")
    assert isinstance(details, bytes)
    return caught.value.code(), Status.FromString(details)


async def test_a_request_is_stored_and_listed(server: GrpcServer, collector: Collector) -> None:
    trace_id = new_trace_id()

    answer = await export(server, otlp_request([{"trace_id": trace_id, "name": "ask"}]))
    await collector.settler.idle()

    assert answer == b""
    rows = await collector.store.query("SELECT TraceId, Name FROM traces FINAL")
    assert rows == [{"TraceId": trace_id, "Name": "ask"}]


async def test_what_is_refused_is_said_in_partial_success(server: GrpcServer) -> None:
    old = {"trace_id": new_trace_id(), "start_ns": 1}

    answer = await export(server, otlp_request([old, {"trace_id": new_trace_id()}]))

    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert partial.rejected_spans == 1
    assert "older than the retention" in partial.error_message


async def test_what_was_cut_of_spans_that_are_kept_is_a_warning(server: GrpcServer) -> None:
    attributes = {f"key {n}": n for n in range(10_001)}

    answer = await export(server, otlp_request([{"trace_id": new_trace_id(), "attributes": attributes}]))

    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert partial.rejected_spans == 0
    assert partial.error_message == "1 attributes were left out: a span, scope or resource keeps 10000"


async def test_bytes_that_are_no_request_are_an_invalid_argument(server: GrpcServer) -> None:
    code, status = await refusal(server, b"\xff\xff")

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert status.code == 3
    assert "not an ExportTraceServiceRequest" in status.message
    bad = BadRequest()
    assert status.details[0].Unpack(bad)
    assert bad.field_violations[0].description == status.message


@pytest.mark.parametrize("packed", [True, False], ids=["bomb", "plain"])
async def test_what_is_too_large_is_refused_for_good(server: GrpcServer, *, packed: bool) -> None:
    body = bytes(64 << 20) if packed else os.urandom(2 << 20)

    code, status = await refusal(server, body)

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not status.details  # no RetryInfo: the same bytes cannot pass later


async def test_a_collector_that_stops_says_when_to_come_again(
    server: GrpcServer, collector: Collector
) -> None:
    await collector.commits.close()

    code, status = await refusal(server, otlp_request([{"trace_id": new_trace_id()}]))

    retry = RetryInfo()
    assert code is grpc.StatusCode.UNAVAILABLE
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds >= 1


async def test_one_call_too_many_says_when_to_come_again(
    server: GrpcServer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_grpc, "AT_ONCE", 1)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(f"/{TRACES}/Export")
        first = call()  # it is there, and its request is on the way
        await first.wait_for_connection()

        code, status = await refusal(server, b"")
        await first.write(otlp_request([{"trace_id": new_trace_id()}]))
        await first.done_writing()
        answer = await first

    retry = RetryInfo()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds >= 1
    assert answer == b""
    assert await export(server, otlp_request([{"trace_id": new_trace_id()}])) == b""  # there is room again
    assert len(await collector.store.query("SELECT SpanId FROM otel_traces")) == 2


@pytest.mark.parametrize("start", [b"\x7a", b"\x7f"], ids=["stored", "refused"])
async def test_a_request_that_was_answered_is_let_go(server: GrpcServer, start: bytes) -> None:
    body = start + b"\x80\x80\x20" + bytes(512 << 10)  # an unknown field, or a type that there is not
    gc.disable()  # what only it would find stays for long
    tracemalloc.start()
    try:
        for _ in range(12):
            with contextlib.suppress(grpc.aio.AioRpcError):
                await export(server, body)
        held = sum(trace.size for trace in tracemalloc.take_snapshot().traces if trace.size > len(body) // 2)
    finally:
        tracemalloc.stop()
        gc.enable()

    assert held <= 4 * len(body)


async def test_a_call_whose_request_does_not_come_is_ended(collector: Collector) -> None:
    collector.config = collector.config.model_copy(update={"stall_s": 0.2})
    server = GrpcServer(collector.config.model_copy(update={"grpc_port": 0}))
    await server.start(collector)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            export_stream: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(
                f"/{TRACES}/Export"
            )
            call = export_stream(timeout=30)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
    finally:
        await server.close(0)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caught.value.details() == "the request did not come within 0.2 s"


async def test_an_evaluation_result_is_a_score_and_the_rest_is_counted(
    server: GrpcServer, collector: Collector
) -> None:
    trace_id = new_trace_id()
    message = request(record(trace_id, RESULT), record(trace_id, {}, event_name="other"))

    answer = await export(server, message.SerializeToString(), service=LOGS)

    partial = ExportLogsServiceResponse.FromString(answer).partial_success
    assert partial.rejected_log_records == 1
    assert "only gen_ai.evaluation.result events are kept" in partial.error_message
    rows = await collector.store.query("SELECT TraceId, Name, Score, Label FROM scores FINAL")
    assert rows == [{"TraceId": trace_id, "Name": "Relevance", "Score": 0.25, "Label": "fail"}]


async def test_logs_need_a_key_and_stay_in_its_project(server: GrpcServer, collector: Collector) -> None:
    _, token = await collector.keys.create(name="app", role=Role.INGEST, project="shop")
    ours = request(record(new_trace_id(), RESULT)).SerializeToString()
    theirs = request(record(new_trace_id(), RESULT), resource={"openinference.project.name": "theirs"})

    assert (await refusal(server, ours, service=LOGS))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert await export(server, ours, token=token, service=LOGS) == b""
    answer = await export(server, theirs.SerializeToString(), token=token, service=LOGS)

    partial = ExportLogsServiceResponse.FromString(answer).partial_success
    assert partial.rejected_log_records == 1
    assert await collector.store.query("SELECT Project FROM scores FINAL") == [{"Project": "shop"}]


@pytest.mark.parametrize("service", [TRACES, LOGS])
async def test_other_bytes_are_refused_by_each_service(server: GrpcServer, service: str) -> None:
    code, status = await refusal(server, b"\xff", service=service)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "ServiceRequest" in status.message


async def test_a_service_that_is_not_there_is_unimplemented(server: GrpcServer) -> None:
    code, _ = await refusal(server, b"", service="opentelemetry.proto.collector.metrics.v1.MetricsService")

    assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_a_key_opens_it_and_its_project_stands(server: GrpcServer, collector: Collector) -> None:
    _, token = await collector.keys.create(name="app", role=Role.INGEST, project="shop")
    _, reader = await collector.keys.create(name="reader", role=Role.READ, project=None)
    body = otlp_request([{"trace_id": new_trace_id()}])

    assert (await refusal(server, body))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert (await refusal(server, body, token="x"))[0] is grpc.StatusCode.UNAUTHENTICATED  # noqa: S106
    assert (await refusal(server, body, token=reader))[0] is grpc.StatusCode.PERMISSION_DENIED
    await export(server, body, token=token)

    (row,) = await collector.store.query("SELECT Project FROM otel_traces")
    assert row == {"Project": "shop"}


async def test_a_taken_port_is_named(collector: Collector) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        with pytest.raises(ConfigError, match=f"port {port} is taken by pid {os.getpid()} .*--grpc-port"):
            GrpcServer(collector.config.model_copy(update={"grpc_port": port}))


def test_a_plain_opentelemetry_exporter_is_understood(serve: ServeProcess) -> None:
    serve.signal(signal.SIGTERM)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve.start("--grpc-port", str(port))
    exporter = OTLPSpanExporter(
        endpoint=f"127.0.0.1:{port}", insecure=True, compression=grpc.Compression.Gzip
    )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    with provider.get_tracer("test").start_as_current_span("ask") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    provider.shutdown()

    rows = httpx.post(f"{serve.url}/api/v1/sql", json={"sql": "SELECT TraceId, SpanName FROM otel_traces"})
    assert rows.json()["rows"] == [{"TraceId": trace_id, "SpanName": "ask"}]
    assert serve.signal(signal.SIGTERM) == 0
    assert serve.log() == ""


@pytest.mark.verify
def test_without_the_library_it_says_so_and_serves_http(serve: ServeProcess) -> None:
    serve.signal(signal.SIGTERM)
    program = (
        "import sys; sys.modules['grpc'] = None\n"
        "from groundtrace_collector.cli import main\n"
        "sys.exit(main())\n"
    )
    command = [sys.executable, "-c", program, "serve", "--port", "0", "--no-worker"]
    with subprocess.Popen(
        [*command, "--store", f"chdb://{serve.store}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().decode().strip()
            healthy = httpx.get(f"{url}/healthz").status_code
        finally:
            server.terminate()
        _, said = server.communicate(timeout=30)

    assert healthy == 200
    assert said.decode() == (
        "groundtrace: OTLP over HTTP only: grpcio is not installed. "
        "Run: pip install 'groundtrace[grpc]' (or --no-grpc)\n"
    )
