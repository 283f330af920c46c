"""What OpenTelemetry's ClickHouse exporter writes beside us is listed, settled, priced and scored by us."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.collector.otlp import new_trace_id
from tests.collector.store.conftest import Server
from tests.collector.store.exporter import export, rag_trace
from tests.e2e.collector_process import CollectorProcess

DATABASE = "exported"


def scored(collector: CollectorProcess, trace_id: str) -> dict[str, Any]:
    """The trace, once it has a score."""
    deadline = time.monotonic() + 90
    while True:
        answer = httpx.get(f"{collector.url}/api/v1/traces/{trace_id}", timeout=30)
        if answer.status_code == 200 and answer.json()["scores"]:
            trace: dict[str, Any] = answer.json()
            return trace
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)


@pytest.mark.verify  # a trace is due 10 s after its last span arrived
def test_a_worker_scores_what_the_exporter_wrote_on_a_server(server: Server, tmp_path: Path) -> None:
    trace_id = new_trace_id()
    collector = CollectorProcess(store=server.url(DATABASE), home=tmp_path)
    collector.start()
    try:
        job = {"name": "quality", "evaluators": ["groundedness"], "every": "1s"}
        httpx.post(f"{collector.url}/api/v1/jobs", json=job, timeout=30).raise_for_status()
        export(server.url(DATABASE).replace("clickhouse://", "http://"), DATABASE, rag_trace(trace_id))
        trace = scored(collector, trace_id)
        listed = collector.get("/api/v1/traces", where="project = 'theirs'")["traces"]
        (job_after,) = collector.get("/api/v1/jobs")["jobs"]
    finally:
        collector.stop()

    assert [each["trace_id"] for each in listed] == [trace_id]
    assert (trace["query"], trace["answer"]) == (
        "How long do refunds take?",
        "Refunds take five working days.",
    )
    assert [(each["id"], each["content"]) for each in trace["documents"]] == [
        ("doc-0", "Refunds take five working days."), ("doc-1", "Parcels are returned free of charge."),
    ]  # fmt: skip
    assert [span["kind"] for span in trace["spans"]] == [None, "RETRIEVER", "LLM"]
    assert (trace["tokens_prompt"], trace["tokens_cache_read"]) == (1_000, 400)
    assert trace["cost_usd"] == pytest.approx((600 * 2.5 + 400 * 1.25 + 100 * 10) / 1e6)
    (score,) = trace["scores"]
    assert (score["name"], score["status"], score["source"]) == ("groundedness", "ok", "evaluator")
    assert score["score"] > 0.8
    assert job_after["counts"]["scored"] == 1
