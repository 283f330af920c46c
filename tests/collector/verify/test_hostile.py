"""What clients and clocks do to a server: it says what is wrong, answers the next, and loses nothing."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import signal
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from backports import zstd
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.gate.frame import varint
from tests.collector.conftest import ServeProcess
from tests.collector.otlp import new_trace_id, otlp_request
from tests.collector.verify.load import PROTOBUF, Load, audit, message_of
from tests.collector.verify.offline import read_offline
from tests.collector.verify.report import report

LIBFAKETIME = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu" / "faketime" / "libfaketime.so.1"


def post(server: ServeProcess, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{server.url}/v1/traces", content=body, headers={**PROTOBUF, **named}, timeout=60)


def one_trace(spans: int = 1, *, start_ns: int | None = None, **attributes: Any) -> tuple[str, bytes]:
    """A trace of a root and its children, and the request that carries it."""
    trace_id = new_trace_id()
    start_ns = start_ns or time.time_ns()
    body = otlp_request(
        [
            {"trace_id": trace_id, "span_id": f"{n:016x}", "parent_span_id": "" if n == 1 else f"{1:016x}",
             "start_ns": start_ns + n, "attributes": attributes, "name": "ask" if n == 1 else "step"}
            for n in range(1, spans + 1)
        ]
    )  # fmt: skip
    return trace_id, body


def assert_takes_spans(server: ServeProcess) -> None:
    _, body = one_trace()
    answer = post(server, body)
    assert (answer.status_code, answer.content) == (200, b"")


def peak_mb(server: ServeProcess) -> int:
    """The most memory that the server has held so far."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) >> 10


def settled(server: ServeProcess, trace_id: str) -> dict[str, Any]:
    """The trace, once it is settled."""
    deadline = time.monotonic() + 60
    while True:
        answer = httpx.get(f"{server.url}/api/v1/traces/{trace_id}", timeout=60)
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


@pytest.mark.parametrize("stalled", [1, pytest.param(100, marks=pytest.mark.verify)])
def test_a_body_that_stops_halfway_is_given_up_with_408(
    server: ServeProcess, monkeypatch: pytest.MonkeyPatch, stalled: int
) -> None:
    monkeypatch.setenv("GROUNDTRACE_STALL_S", "1")
    server.start()
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Length: 1000\r\n\r\n"
    )
    senders = [socket.create_connection((host, int(port)), timeout=20) for _ in range(stalled)]
    for sender in senders:
        sender.sendall(head.encode() + b"x" * 400)
    assert_takes_spans(server)

    for sender in senders:
        answer = b"".join(iter(lambda sender=sender: sender.recv(65_536), b""))  # type: ignore[misc]
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body stopped after 400 of 1000 bytes: nothing came for 1 s" in answer
        sender.close()
    assert_takes_spans(server)


@pytest.mark.verify
def test_senders_that_hang_up_halfway_hurt_nobody(server: ServeProcess) -> None:
    server.start()
    host, port = server.url.removeprefix("http://").split(":")
    _, body = one_trace(50)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-protobuf\r\n"
    for cut in range(1, len(body), max(1, len(body) // 50)):
        with socket.create_connection((host, int(port))) as sender:
            sender.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:cut])
    assert_takes_spans(server)

    assert server.signal(signal.SIGTERM) == 0
    assert "Traceback" not in server.log()
    assert read_offline(server.store, {"n": "SELECT count() AS n FROM otel_traces"})["n"] == [{"n": 1}]


@pytest.mark.verify
@pytest.mark.parametrize("requests", [1, 20])
def test_a_trace_of_ten_thousand_spans_is_whole(server: ServeProcess, requests: int) -> None:
    server.start()
    trace_id, _ = one_trace()
    start_ns = time.time_ns()
    each = 10_000 // requests
    began = time.monotonic()
    for first in range(1, 10_001, each):
        spans = [
            {"trace_id": trace_id, "span_id": f"{n:016x}", "parent_span_id": "" if n == 1 else f"{n // 2:016x}",
             "start_ns": start_ns + n, "name": f"step {n}", "kind": "CHAIN", "attributes": {"input.value": "x" * 200}}
            for n in range(first, first + each)
        ]  # fmt: skip
        assert post(server, otlp_request(spans)).status_code == 200
    sent_s = time.monotonic() - began
    while len(settled(server, trace_id)["spans"]) < 10_000:
        assert time.monotonic() < began + 60
    began = time.monotonic()
    page = httpx.get(f"{server.url}/traces/{trace_id}", timeout=60)
    page_s = time.monotonic() - began

    report(
        f"10,000 spans in {requests} requests: sent in {sent_s:.1f} s, page of {len(page.content) >> 10} kB in "
        f"{page_s:.1f} s, peak {peak_mb(server)} MB"
    )
    assert page.status_code == 200
    assert_takes_spans(server)
    assert server.signal(signal.SIGTERM) == 0
    found = read_offline(server.store, {"n": "SELECT SpanCount, Name FROM traces FINAL WHERE SpanCount > 1"})
    assert found["n"] == [{"SpanCount": 10_000, "Name": "step 1"}]


@pytest.mark.verify
def test_an_attribute_of_60_mb_is_refused_or_cut(server: ServeProcess) -> None:
    server.start()
    trace_id, body = one_trace(big="ü" * (30 << 20))
    plain = post(server, body)
    packed = post(server, gzip.compress(body, 1), content_encoding="gzip")

    assert plain.status_code == 413
    assert message_of(plain) == f"the body has {len(body)} bytes; at most 16777216 are taken"
    assert packed.status_code == 200
    assert b"1 attribute values of more than 1048576 bytes were cut" in packed.content
    (span,) = settled(server, trace_id)["spans"]
    assert span["attributes"]["big"] == "ü" * (1 << 19) + "…"
    report(f"an attribute of 60 MB: peak {peak_mb(server)} MB")
    assert peak_mb(server) < 1_100
    assert_takes_spans(server)


def in_span(items: bytes) -> bytes:
    _, body = one_trace()
    span = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0]
    return field(1, field(2, field(2, span.SerializeToString() + items)))


@pytest.mark.verify
@pytest.mark.parametrize(
    "dense",
    [
        pytest.param(lambda: b"\x0a\x00" * 20_000_000, id="resources"),
        pytest.param(lambda: field(1, field(2, b"\x12\x00" * 20_000_000)), id="spans"),
        pytest.param(lambda: in_span(b"\x4a\x00" * 20_000_000), id="attributes"),
        pytest.param(lambda: in_span(b"\x5a\x00" * 20_000_000), id="events"),
        pytest.param(
            lambda: in_span(field(9, field(2, field(5, b"\x0a\x00" * 20_000_000)))), id="elements-of-an-array"
        ),
        pytest.param(
            lambda: in_span(field(9, field(2, field(6, b"\x0a\x00" * 20_000_000)))), id="pairs-of-a-map"
        ),
    ],
)
def test_a_request_of_millions_of_empty_items_is_refused_and_costs_little(
    server: ServeProcess, dense: Callable[[], bytes]
) -> None:
    server.start()
    before = peak_mb(server)
    began = time.monotonic()
    answer = post(server, gzip.compress(dense(), 1), content_encoding="gzip")

    took, more = time.monotonic() - began, peak_mb(server) - before
    report(f"20 million empty items: {took:.1f} s, {more} MB more")
    assert answer.status_code == 413
    assert message_of(answer).startswith("the request holds more than 1000000 spans, events, attributes and")
    assert more < 300
    assert_takes_spans(server)


@pytest.mark.verify
def test_json_of_millions_of_empty_items_costs_little(server: ServeProcess) -> None:
    server.start()
    before = peak_mb(server)
    messages = []
    for count in (1_999_990, 5_000_000, 20_000_000):
        dense = gzip.compress(b'{"resourceSpans":[' + b"{}," * count + b"{}]}", 1)
        answer = post(server, dense, content_encoding="gzip", content_type="application/json")
        assert answer.status_code == 413
        messages.append(answer.json()["message"])

    more = peak_mb(server) - before
    report(f"JSON of millions of empty items: {more} MB more")
    assert messages[0].startswith("the request holds more than 1000000 spans, events, attributes and")
    assert messages[1] == "the JSON body holds more than 2000000 objects and arrays: send it in parts"
    assert messages[2] == f"the gzip body inflates to more than {16 << 20} bytes"
    assert more < 700
    assert_takes_spans(server)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(level=9, wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.verify
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        pytest.param("gzip", lambda body: gzip.compress(body, 9), id="gzip"),
        pytest.param("deflate", raw_deflate, id="deflate"),
        pytest.param("zstd", zstd.compress, id="zstd"),
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(
    server: ServeProcess, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    server.start()
    assert_takes_spans(server)
    before_mb = peak_mb(server)
    bomb = pack(bytes(1 << 30))
    began = time.monotonic()
    answers = [post(server, bomb, content_encoding=encoding) for _ in range(5)]
    took_s = time.monotonic() - began

    report(
        f"{encoding} bomb: {len(bomb):,} bytes of 1 GiB, {took_s / 5:.2f} s each, "
        f"peak {before_mb} → {peak_mb(server)} MB"
    )
    assert {answer.status_code for answer in answers} == {413}
    assert message_of(answers[0]) == f"the {encoding} body inflates to more than 67108864 bytes"
    assert peak_mb(server) < before_mb + 300
    assert_takes_spans(server)


@pytest.mark.verify
def test_two_hundred_connections_at_once_are_all_answered(server: ServeProcess) -> None:
    server.start()

    async def send_all() -> list[int]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(timeout=60, limits=limits, headers=PROTOBUF) as client:
            bodies = [one_trace(5)[1] for _ in range(200)]
            url = f"{server.url}/v1/traces"
            return [
                answer.status_code
                for answer in await asyncio.gather(*(client.post(url, content=body) for body in bodies))
            ]

    began = time.monotonic()
    assert set(asyncio.run(send_all())) == {200}
    report(f"200 connections at once: all answered in {time.monotonic() - began:.1f} s")
    assert server.signal(signal.SIGTERM) == 0
    found = read_offline(
        server.store, {"n": "SELECT count() AS n, uniqExact(TraceId, SpanId) AS d FROM otel_traces"}
    )
    assert found["n"] == [{"n": 1_000, "d": 1_000}]


@pytest.mark.verify
@pytest.mark.timeout(300)
def test_a_clock_that_jumps_back_repeats_no_number_and_loses_nothing(
    server: ServeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not LIBFAKETIME.exists():
        pytest.skip(f"Debian's faketime is not installed: {LIBFAKETIME}")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(LIBFAKETIME))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    server.start()
    monkeypatch.delenv("LD_PRELOAD")
    with Load(server, senders=4, pause_s=0.02) as load:
        for jump in ("-1h", "+1h", "-20h", "+0"):
            _until_more(load)
            clock.write_text(jump)
        _until_more(load)
        clock.write_text("-20h")
        _until_more(load)
        server.signal(signal.SIGKILL)
        monkeypatch.setenv("LD_PRELOAD", str(LIBFAKETIME))
        server.start()  # under a clock that is behind everything stored
        monkeypatch.delenv("LD_PRELOAD")
        _until_more(load)
    last_id, last = one_trace()
    assert post(server, last).status_code == 200
    load.acknowledged.add((last_id, f"{1:016x}"))
    clock.write_text("-3d")
    ahead = post(server, one_trace()[1])
    clock.write_text("+0")
    assert server.signal(signal.SIGTERM) == 0, server.log()

    assert b"1 refused: the span starts more than a day ahead of this server's clock" in ahead.content
    figures = audit(server, load)
    (numbers,) = read_offline(
        server.store,
        {"n": f"SELECT max(Seq) AS last, maxIf(Seq, TraceId = '{last_id}') AS of_last FROM otel_traces"},  # noqa: S608
    )["n"]
    assert numbers["last"] == numbers["of_last"], "the last commit has the largest number"
    report(f"clock: {figures}, answers {dict(load.answers)}")


def _until_more(load: Load) -> None:
    before, deadline = load.requests, time.monotonic() + 60
    while load.requests < before + 10:
        assert time.monotonic() < deadline, load.answers
        time.sleep(0.05)
