"""The same calls, told by four vocabularies, land in the same columns. Recorded by `vocabularies/record.py`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.collector import Collector

RECORDED = Path(__file__).parents[1] / "vocabularies" / "recorded"
VOCABULARIES = ["openinference", "genai", "traceai", "openllmetry"]
QUESTION, ANSWER = "How long do refunds take?", "Refunds take five working days."


async def replay(client: httpx.AsyncClient, collector: Collector, name: str) -> dict[str, Any]:
    """Send a recording as of now, and return its trace's row."""
    request = ExportTraceServiceRequest.FromString((RECORDED / f"{name}.otlp").read_bytes())
    spans = [s for r in request.resource_spans for q in r.scope_spans for s in q.spans]
    shift = int(datetime.now(UTC).timestamp() * 1e9) - min(s.start_time_unix_nano for s in spans)
    trace_id = os.urandom(16)
    for span in spans:
        span.trace_id = trace_id
        span.start_time_unix_nano += shift
        span.end_time_unix_nano += shift
    response = await client.post(
        "/v1/traces", content=request.SerializeToString(), headers={"content-type": "application/x-protobuf"}
    )
    assert response.status_code == 200, response.content
    await collector.settler.idle()
    (row,) = await collector.store.query(
        "SELECT * FROM traces FINAL WHERE TraceId = {trace_id:String}", {"trace_id": trace_id.hex()}
    )
    return row


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
async def test_a_chain_that_framework_and_client_describe_is_one_call(
    client: httpx.AsyncClient, collector: Collector, vocabulary: str
) -> None:
    trace = await replay(client, collector, f"{vocabulary}-chain")

    assert (trace["Query"], trace["Answer"]) == (QUESTION, ANSWER)
    assert trace["LlmModel"] == "small-chat-1-2026"
    assert (trace["TokensPrompt"], trace["TokensCompletion"]) == (120, 30)
    assert len(trace["RetrievedIds"]) == 2
    assert trace["SpanKinds"].count("RETRIEVER") == 1


@pytest.mark.parametrize("vocabulary", ["openinference", "genai", "openllmetry"])
async def test_cached_tokens_are_kept_apart(
    client: httpx.AsyncClient, collector: Collector, vocabulary: str
) -> None:
    trace = await replay(client, collector, f"{vocabulary}-client")

    assert (trace["TokensPrompt"], trace["TokensCacheRead"], trace["TokensReasoning"]) == (120, 64, 12)


@pytest.mark.parametrize("vocabulary", ["openinference", "genai"])
async def test_documents_are_known_by_the_stores_ids(
    client: httpx.AsyncClient, collector: Collector, vocabulary: str
) -> None:
    trace = await replay(client, collector, f"{vocabulary}-chain")

    assert trace["RetrievedIds"] == ["doc-2", "doc-1"]


@pytest.mark.parametrize("vocabulary", ["traceai", "openllmetry"])
async def test_a_vector_stores_hits_are_documents(
    client: httpx.AsyncClient, collector: Collector, vocabulary: str
) -> None:
    trace = await replay(client, collector, f"{vocabulary}-client")

    assert trace["RetrievedIds"] == ["doc-1", "doc-3"]
    assert trace["Encoder"] == "embed-small-1"
    scores = await collector.store.query("SELECT Score FROM retrieved_documents ORDER BY Rank")
    assert [row["Score"] for row in scores] == pytest.approx([0.0, 0.38])


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
async def test_every_vocabulary_names_its_encoder(
    client: httpx.AsyncClient, collector: Collector, vocabulary: str
) -> None:
    trace = await replay(client, collector, f"{vocabulary}-client")

    assert (trace["Encoder"], trace["EmbeddedTexts"]) == ("embed-small-1", 1)
    assert trace["Answer"] == ANSWER
