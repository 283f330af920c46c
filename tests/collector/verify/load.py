"""Senders that behave as an OpenTelemetry exporter does: what was not acknowledged is sent again, the same bytes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from typing import Any, Self

import httpx
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from tests.collector.conftest import ServeProcess
from tests.collector.otlp import otlp_request
from tests.collector.verify.offline import read_offline

PROTOBUF = {"content-type": "application/x-protobuf"}
TRACES, SPANS = 4, 5  # a request has so many traces of so many spans
_RETRY_S = 0.1
_PATIENCE_S = 20.0  # an answer that takes longer is given up, and its body sent again


class Load:
    """Senders on a thread of their own, until told to stop; then each waits for its last acknowledgement."""

    def __init__(self, server: ServeProcess, *, senders: int = 16, pause_s: float = 0.0) -> None:
        self.acknowledged: set[tuple[str, str]] = set()
        self.requests = 0
        self.answers: Counter[str] = Counter()
        self._server = server
        self._senders = senders
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=120)
        assert not self._thread.is_alive(), f"requests were never acknowledged: {self.answers}"

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._senders)
        async with httpx.AsyncClient(timeout=_PATIENCE_S, limits=limits) as client:
            await asyncio.gather(*(self._send(client) for _ in range(self._senders)))

    async def _send(self, client: httpx.AsyncClient) -> None:
        while not self._stop.is_set():
            trace_ids = [os.urandom(16).hex() for _ in range(TRACES)]
            spans = [(trace_id, f"{n:02x}" * 8) for trace_id in trace_ids for n in range(1, SPANS + 1)]
            body = otlp_request([_span(trace_id, span_id) for trace_id, span_id in spans])
            while not await self._acknowledged(client, body):  # noqa: ASYNC110  (a wait between tries)
                await asyncio.sleep(_RETRY_S)
            self.acknowledged.update(spans)
            self.requests += 1
            await asyncio.sleep(self._pause_s)

    async def _acknowledged(self, client: httpx.AsyncClient, body: bytes) -> bool:
        try:
            response = await client.post(f"{self._server.url}/v1/traces", content=body, headers=PROTOBUF)
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return False
        self.answers[f"{response.status_code} {message_of(response)}".strip()] += 1
        return response.status_code == 200


def _span(trace_id: str, span_id: str) -> dict[str, Any]:
    is_root = span_id == "01" * 8
    return {
        "trace_id": trace_id, "span_id": span_id, "parent_span_id": "" if is_root else "01" * 8,
        "kind": "CHAIN" if is_root else "RETRIEVER",
        "attributes": {"input.value": f"question {trace_id}", "retrieval.documents.0.document.id": "d"},
    }  # fmt: skip


def message_of(response: httpx.Response) -> str:
    """What an answer says: the message of its google.rpc.Status, or of its partial success; empty for neither."""
    try:
        return str(Status.FromString(response.content).message)
    except DecodeError:
        return response.text


_STORED = """
SELECT count() AS stored, uniqExact(TraceId, SpanId) AS distinct,
    (SELECT count() FROM retrieved_documents) AS documents, (SELECT sum(SpanCount) FROM traces FINAL) AS settled,
    countIf(Kind = 'RETRIEVER') AS retrievers
FROM otel_traces
"""


def audit(server: ServeProcess, load: Load) -> dict[str, int]:
    """Check that a stopped server's store holds what was acknowledged, all of it once; returns the figures.

    Since every sender went on until it was acknowledged, what is stored is what was acknowledged.
    """
    found = read_offline(
        server.store, {"counts": _STORED, "ids": "SELECT DISTINCT TraceId, SpanId FROM otel_traces"}
    )
    (counts,) = found["counts"]
    stored = {(row["TraceId"], row["SpanId"]) for row in found["ids"]}
    figures = {
        "requests": load.requests, "acknowledged": len(load.acknowledged), "lost": len(load.acknowledged - stored),
        "twice": counts["stored"] - counts["distinct"], "unsettled": counts["distinct"] - counts["settled"],
        "documents_off": counts["documents"] - counts["retrievers"],
    }  # fmt: skip
    assert stored == load.acknowledged, figures
    assert {name: figures[name] for name in ("twice", "unsettled", "documents_off")} == {
        "twice": 0, "unsettled": 0, "documents_off": 0,
    }, f"{figures}\n{server.log()[-3_000:]}"  # fmt: skip
    return figures
