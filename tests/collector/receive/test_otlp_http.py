"""What a sender is answered, and what of its spans is kept."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import uvicorn
from backports import zstd
from google.protobuf.json_format import Parse
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from tests.collector.conftest import BASE_URL, Send
from tests.collector.otlp import SpanDict, new_trace_id, otlp_request

PROTOBUF = {"content-type": "application/x-protobuf"}


def one_span() -> bytes:
    return otlp_request([{"trace_id": new_trace_id()}])


async def stored(collector: Collector) -> int:
    return int((await collector.store.query("SELECT count() AS n FROM otel_traces"))[0]["n"])


async def test_a_sent_trace_is_stored_and_settled(send: Send, collector: Collector) -> None:
    trace_id = new_trace_id()

    await send(
        [{"trace_id": trace_id, "name": "ask", "kind": "CHAIN", "attributes": {"input.value": "why?"}}]
    )

    assert await collector.store.query("SELECT TraceId, Name, Query, SpanCount FROM traces FINAL") == [
        {"TraceId": trace_id, "Name": "ask", "Query": "why?", "SpanCount": 1}
    ]


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs"])
async def test_a_path_with_a_slash_behind_it_is_no_redirect(client: httpx.AsyncClient, path: str) -> None:
    trace = one_span() if path == "/v1/traces" else b""
    response = await client.post(f"{path}/", content=trace, headers=PROTOBUF)
    # an exporter that does not follow redirects takes 307 for success
    assert response.status_code == 200


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("X-Gzip", gzip.compress, id="x-gzip"),
        pytest.param(
            "gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:]), id="gzip-members"
        ),
        pytest.param("deflate", zlib.compress, id="deflate"),
        pytest.param("deflate", raw_deflate, id="raw-deflate"),
        pytest.param("zstd", zstd.compress, id="zstd"),
        pytest.param("identity", lambda body: body, id="identity"),
        pytest.param("GZIP", gzip.compress, id="upper-case"),
    ],
)
async def test_every_encoding_is_inflated(
    client: httpx.AsyncClient, collector: Collector, encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    response = await client.post(
        "/v1/traces", content=encode(one_span()), headers={**PROTOBUF, "content-encoding": encoding}
    )

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-protobuf"
    assert ExportTraceServiceResponse.FromString(response.content) == ExportTraceServiceResponse()
    assert await stored(collector) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        pytest.param(b"\xff", {}, 400, "not an ExportTraceServiceRequest", id="garbage"),
        pytest.param(b'{"resourceSpans": []}', {}, 400, "send Content-Type: application/json", id="json"),
        pytest.param(gzip.compress(b"x"), {}, 400, "send Content-Encoding: gzip", id="unnamed-gzip"),
        pytest.param(gzip.compress(one_span())[:-4], {"content-encoding": "gzip"}, 400, "cut short", id="cut-gzip"),
        pytest.param(b"not gzip at all, this", {"content-encoding": "gzip"}, 400, "gzip body is damaged", id="no-gzip"),
        pytest.param(b"", {"content-encoding": "gzip"}, 400, "cut short", id="empty-gzip"),
        pytest.param(b"\x28\xb5\x2f\xfd\x00", {"content-encoding": "zstd"}, 400, "zstd body", id="cut-zstd"),
        pytest.param(gzip.compress(b"") * 101, {"content-encoding": "gzip"}, 400, "than 100 parts", id="members"),
        pytest.param(zstd.compress(b"") * 101, {"content-encoding": "zstd"}, 400, "than 100 parts", id="frames"),
        pytest.param(one_span(), {"content-encoding": "br"}, 415, "send gzip, deflate, zstd", id="brotli"),
        pytest.param(one_span(), {"content-type": "text/plain"}, 415, "Content-Type 'text/plain'", id="text"),
        pytest.param(one_span(), {"content-type": ""}, 415, "Content-Type ''", id="no-type"),
        pytest.param(b"x" * ((16 << 20) + 1), {}, 413, "at most 16777216", id="large"),
        pytest.param(gzip.compress(bytes(65 << 20)), {"content-encoding": "gzip"}, 413, "inflates to more", id="bomb"),
    ],
)  # fmt: skip
async def test_a_bad_body_is_refused_with_the_reason(
    client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    response = await client.post("/v1/traces", content=body, headers={**PROTOBUF, **headers})

    assert response.status_code == status
    assert response.headers["content-type"] == "application/x-protobuf"
    assert message in Status.FromString(response.content).message


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        pytest.param(
            b'{"resourceSpans":[' + b"{}," * 2_000_000 + b"{}]}",
            "identity",
            "the JSON body holds more than 2000000 objects and arrays: send it in parts",
            id="millions-of-objects",
        ),
        pytest.param(
            gzip.compress(b" " * ((16 << 20) + 1), 1),
            "gzip",
            "the gzip body inflates to more than 16777216 bytes",
            id="inflated",
        ),
    ],
)
async def test_json_that_would_take_much_memory_is_not_parsed(
    client: httpx.AsyncClient, body: bytes, encoding: str, says: str
) -> None:
    response = await client.post(
        "/v1/traces", content=body, headers={"content-type": "application/json", "content-encoding": encoding}
    )

    assert response.status_code == 413
    assert response.json()["message"] == says


async def test_a_body_of_unknown_length_is_limited_as_it_comes(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    response = await client.post("/v1/traces", content=endless(), headers=PROTOBUF)

    assert response.status_code == 413


async def test_refused_spans_are_counted_in_a_partial_success(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    spans: list[SpanDict] = [{"trace_id": new_trace_id()}, {"trace_id": new_trace_id(), "start_ns": 1}]
    response = await client.post("/v1/traces", content=otlp_request(spans), headers=PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success

    assert response.status_code == 200
    assert partial.rejected_spans == 1
    assert "older than the retention" in partial.error_message
    assert await stored(collector) == 1


async def test_what_was_cut_of_spans_that_are_kept_is_a_warning(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    span: SpanDict = {"trace_id": new_trace_id(), "attributes": {"long": "x" * (1 << 20) + "y"}}
    response = await client.post("/v1/traces", content=otlp_request([span]), headers=PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success

    assert response.status_code == 200
    assert partial.rejected_spans == 0
    assert partial.error_message == "1 attribute values of more than 1048576 bytes were cut"
    assert await stored(collector) == 1


async def test_503_says_when_to_come_again(client: httpx.AsyncClient, collector: Collector) -> None:
    await collector.commits.close()
    response = await client.post("/v1/traces", content=one_span(), headers=PROTOBUF)

    retry = RetryInfo()
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert Status.FromString(response.content).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == int(response.headers["retry-after"])


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        pytest.param("GET", "/nowhere", {}, 404, "not_found", id="no-such-path"),
        pytest.param("PUT", "/api/v1/traces", {}, 405, "method_not_allowed", id="wrong-method"),
        pytest.param("GET", "/healthz", {"host": "rebound.example"}, 421, "unexpected_host", id="host"),
        pytest.param("GET", "/healthz", {"host": "["}, 421, "unexpected_host", id="broken-host"),
        pytest.param(
            "POST", "/api/v1/sql", {"origin": "https://a.example"}, 403, "foreign_origin", id="origin"
        ),
    ],
)
async def test_errors_have_one_shape(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = await client.request(method, path, headers=headers)

    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("media_type", ["application/x-protobuf", "application/json"])
@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status", "code"),
    [
        pytest.param("POST", "/v1/traces", {}, b"\xff", 400, 3, id="bad-data"),
        pytest.param("POST", "/v1/traces", {"origin": "https://a.example"}, b"", 403, 7, id="origin"),
        pytest.param("POST", "/v1/traces", {"host": "rebound.example"}, b"", 421, 3, id="host"),
        pytest.param("POST", "/v1/metrics", {}, b"", 404, 5, id="no-such-signal"),
        pytest.param("GET", "/v1/traces", {}, b"", 405, 12, id="wrong-method"),
        pytest.param("POST", "/v1/logs", {"content-length": "999999999"}, b"x", 413, 8, id="large"),
        pytest.param("POST", "/v1/logs", {"content-encoding": "br"}, b"x", 415, 3, id="encoding"),
    ],
)
async def test_every_error_of_otlp_is_a_status_in_the_senders_encoding(
    client: httpx.AsyncClient,
    media_type: str,
    method: str,
    path: str,
    headers: dict[str, str],
    content: bytes,
    status: int,
    code: int,
) -> None:
    response = await client.request(
        method, path, headers={"content-type": media_type, **headers}, content=content
    )

    assert response.status_code == status
    assert response.headers["content-type"] == media_type
    said = Status()
    if media_type == "application/json":
        Parse(response.text, said)
    else:
        said = Status.FromString(response.content)
    assert said.code == code
    assert said.message
    bad = BadRequest()
    violations = said.details[0].Unpack(bad) and bad.field_violations if said.details else []
    assert [violation.description for violation in violations] == ([said.message] if status == 400 else [])


async def test_a_fault_of_ours_is_a_status_too(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(collector.commits, "submit", fail)
    transport = httpx.ASGITransport(app=create_app(collector), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        response = await client.post("/v1/traces", content=one_span(), headers=PROTOBUF)

    assert response.status_code == 500
    assert Status.FromString(response.content).code == 13


@pytest.mark.parametrize("host", ["localhost:4318", "127.0.0.1", "[::1]:4318", "LOCALHOST"])
async def test_loopback_names_are_answered(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/healthz", headers={"host": host})).status_code == 200


async def test_ready_once_the_store_answers(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def ready(client: httpx.AsyncClient, *, wanted: int) -> str:
    """What `/readyz` says once it answers ``wanted``."""
    async with asyncio.timeout(30):
        while (answer := await client.get("/readyz")).status_code != wanted:  # noqa: ASYNC110  (polled as users do)
            await asyncio.sleep(0.02)
    return answer.text


async def test_not_ready_while_the_store_takes_no_spans(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.command("DETACH TABLE otlp_in")
    try:
        sent = asyncio.create_task(client.post("/v1/traces", content=one_span(), headers=PROTOBUF))
        assert "nothing can be stored: " in await ready(client, wanted=503)
    finally:
        await collector.store.command("ATTACH TABLE otlp_in")

    assert (await sent).status_code == 200
    assert await ready(client, wanted=200) == '{"status":"ok"}'


@pytest.mark.parametrize(
    "sent_again", [pytest.param(True, id="sent-again"), pytest.param(False, id="not-tried")]
)
async def test_not_ready_while_no_segment_can_be_written(
    client: httpx.AsyncClient, collector: Collector, monkeypatch: pytest.MonkeyPatch, *, sent_again: bool
) -> None:
    segments = collector.config.data_dir / "segments"
    segments.rmdir()
    refused = await client.post("/v1/traces", content=one_span(), headers=PROTOBUF)
    said = await client.get("/readyz")
    segments.mkdir()
    if sent_again:
        accepted = await client.post("/v1/traces", content=one_span(), headers=PROTOBUF)
        assert accepted.status_code == 200
    else:  # whoever sends only to who is ready would never find out
        monkeypatch.setattr("groundtrace_collector.commit.queue._TOLD_S", 0.0)

    assert (refused.status_code, said.status_code) == (503, 503)
    assert "the disk takes no segment: No such file or directory" in said.text
    assert (await client.get("/readyz")).status_code == 200


async def test_a_body_that_stops_halfway_hurts_nobody(collector: Collector) -> None:
    """Over a real socket: the sender announces more than it sends, and hangs up."""
    server = uvicorn.Server(uvicorn.Config(create_app(collector), port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (uvicorn sets no event)
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    body = one_span()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body[: len(body) // 2])
    await writer.drain()
    writer.close()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as whole:
        response = await whole.post("/v1/traces", content=one_span(), headers=PROTOBUF)
    server.should_exit = True
    await serving

    assert response.status_code == 200
    assert await stored(collector) == 1
