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
from groundtrace_collector.jobs.board import Task
from groundtrace_collector.jobs.cases import build_cases

RECORDED = Path(__file__).parents[1] / "vocabularies" / "recorded"
VOCABULARIES = ["openinference", "genai", "traceai", "openllmetry"]
QUESTION, ANSWER = "How long do refunds take?", "Refunds take five working days."


async def replay(
    client: httpx.AsyncClient, collector: Collector, name: str, *, only: str = ""
) -> dict[str, Any]:
    """Send a recording as of now, and return its trace's row; ``only`` the span of that name, as a root."""
    request = ExportTraceServiceRequest.FromString((RECORDED / f"{name}.otlp").read_bytes())
    if only:
        _keep_one(request, only)
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


def _keep_one(request: ExportTraceServiceRequest, name: str) -> None:
    for group in request.resource_spans:
        for scope in group.scope_spans:
            kept = [span for span in scope.spans if span.name == name]
            del scope.spans[:]
            scope.spans.extend(kept)
            for span in scope.spans:
                span.parent_span_id = b""


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


LLM = ("LLM", "small-chat-1-2026", 120, 30, 64, 12)
LLM_PLAIN = ("LLM", "small-chat-1-2026", 120, 30, None, None)  # what traceAI says of its tokens
ENCODER = ("EMBEDDING", "embed-small-1", 6, None, None, None)
RETRIEVER = ("RETRIEVER", None, None, None, None, None)
INVOICES, REFUNDS, PARCELS = (
    "Invoices are sent on the first of the month.",
    "Refunds are paid within five working days.",
    "Parcels can be returned free of charge.",
)
FAR = 0.3799999952316284


# A recording: its steps (kind, model, tokens: prompt, completion, cache read, reasoning), its documents (id, score,
# text), and the texts that evaluators are given.
TOLD: dict[str, tuple[list[Any], list[Any], tuple[str, ...]]] = {
    "openinference-chain": (
        [RETRIEVER, LLM, LLM], [("doc-2", None, INVOICES), ("doc-1", None, REFUNDS)], (INVOICES, REFUNDS),
    ),
    "genai-chain": ([RETRIEVER, LLM], [("doc-2", None, None), ("doc-1", None, None)], ()),
    "traceai-chain": (
        [RETRIEVER, ("LLM", "small-chat-1", 120, 30, None, None), LLM_PLAIN],
        [("text", None, INVOICES), ("text", None, REFUNDS)], (INVOICES, REFUNDS),
    ),
    "openllmetry-chain": (
        [RETRIEVER, ("LLM", "small-chat-1-2026", 120, 30, 64, None)],
        [("text", None, INVOICES), ("text", None, REFUNDS)], (INVOICES, REFUNDS),
    ),
    "openinference-client": ([ENCODER, LLM], [], ()),
    "genai-client": ([ENCODER, LLM], [], ()),
    "traceai-client": ([ENCODER, RETRIEVER, LLM_PLAIN], [("doc-1", 0.0, None), ("doc-3", FAR, None)], ()),
    "openllmetry-client": (
        [("EMBEDDING", "embed-small-1", 6, None, 0, None), RETRIEVER, LLM],
        [("doc-1", 0.0, REFUNDS), ("doc-3", FAR, PARCELS)], (REFUNDS, PARCELS),
    ),
}  # fmt: skip
TOKENS = ("tokens_prompt", "tokens_completion", "tokens_cache_read", "tokens_reasoning")


async def test_the_api_and_evaluators_are_told_the_same_by_every_vocabulary(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    told = {}
    for recording in TOLD:
        row = await replay(client, collector, recording)
        trace = (await client.get(f"/api/v1/traces/{row['TraceId']}")).json()
        steps = [tuple(span[name] for name in ("kind", "model", *TOKENS)) for span in trace["spans"]]
        documents = [
            ("text" if found["id"].startswith("text-") else found["id"], found["score"], found["content"])
            for found in trace["documents"]
        ]
        assert [found["rank"] for found in trace["documents"]] == list(range(1, len(documents) + 1))
        task = Task(
            project=row["Project"],
            trace_id=row["TraceId"],
            input_hash=row["InputHash"],
            evaluator="e",
            version="1",
        )
        (case,) = await build_cases(collector.store, [task])
        rag = [step for step in steps if step[0] in {"LLM", "EMBEDDING", "RETRIEVER"}]
        told[recording] = (rag, documents, case.context)

    assert told == TOLD


async def test_a_call_alone_is_asked_what_its_user_said_last(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    calls = {
        "openinference": "ChatCompletion",
        "genai": "chat small-chat-1",
        "traceai": "ChatCompletion",
        "openllmetry": "openai.chat",
    }
    told = {}
    for vocabulary, span in calls.items():
        trace = await replay(client, collector, f"{vocabulary}-client", only=span)
        told[vocabulary] = (trace["Query"], trace["Answer"])

    assert told == dict.fromkeys(VOCABULARIES, (QUESTION, ANSWER))
