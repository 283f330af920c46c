"""SIGTERM while a long question runs: the server ends soon, and nothing that it acknowledged is lost."""

from __future__ import annotations

import signal
import socket
import threading
import time

import httpx
import pytest

from tests.collector.conftest import ServeProcess
from tests.collector.otlp import new_trace_id, otlp_request

PROTOBUF = {"content-type": "application/x-protobuf"}
# A cross join of spans with themselves: hours of work from a few hundred rows.
LONG = "SELECT count() AS n FROM otel_traces AS a, otel_traces AS b, otel_traces AS c, otel_traces AS d"


@pytest.mark.verify
def test_a_long_question_does_not_hold_up_the_stop(serve: ServeProcess) -> None:
    acknowledged: list[str] = []
    answers: list[httpx.Response] = []
    stopping = threading.Event()

    def ask() -> None:
        answers.append(httpx.post(f"{serve.url}/api/v1/sql", json={"sql": LONG}, timeout=60))

    def send() -> None:
        while not stopping.is_set():
            ids = [new_trace_id() for _ in range(50)]
            body = otlp_request([{"trace_id": trace_id} for trace_id in ids])
            try:
                if httpx.post(f"{serve.url}/v1/traces", content=body, headers=PROTOBUF).status_code == 200:
                    acknowledged.extend(ids)
            except httpx.TransportError:
                return
            time.sleep(0.05)

    sending, asking = threading.Thread(target=send), threading.Thread(target=ask)
    sending.start()
    while len(acknowledged) < 200:
        time.sleep(0.05)
    asking.start()
    time.sleep(0.5)
    assert not answers, answers[0].text  # it runs
    began = time.monotonic()
    code = serve.signal(signal.SIGTERM)
    took_s = time.monotonic() - began
    stopping.set()
    sending.join()
    asking.join()

    assert code == 0
    assert took_s < 10  # of the 20 s that a question may take, and the 15 s that requests in flight have
    assert [answer.status_code for answer in answers] == [503]
    assert serve.log() == ""

    serve.start()
    assert httpx.get(f"{serve.url}/api/v1/traces/count").json()["spans"] >= len(acknowledged)
    listed = httpx.post(f"{serve.url}/api/v1/sql", json={"sql": "SELECT DISTINCT TraceId FROM otel_traces"})
    stored = {row["TraceId"] for row in listed.json()["rows"]}
    assert set(acknowledged) <= stored


@pytest.mark.verify
def test_a_body_that_is_not_whole_at_the_stop_is_told_to_come_again(serve: ServeProcess) -> None:
    port = int(serve.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 100\r\n\r\nthe rest never comes"
        )
        time.sleep(0.5)
        code = serve.signal(signal.SIGTERM)
        answer = connection.recv(1_000)

    assert code == 0
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer
    assert b"the collector is stopping" in answer
    assert "Traceback" not in serve.log()
