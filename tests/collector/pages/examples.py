"""Traces in the API's shape, to render without a store."""

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def score(**changes: Any) -> dict[str, Any]:
    """A groundedness score of 0.9."""
    return {
        "name": "groundedness",
        "score": 0.9,
        "label": "",
        "status": "ok",
        "explanation": "9 of 10 sentences are supported.",
        "evidence": [],
        "method": "lexical",
        "evaluator": "groundedness",
        "version": "1",
        "source": "evaluator",
        "span_id": "",
        "created_at": "2026-03-04T11:59:00.000Z",
    } | changes


def document(rank: int, stage: str = "retrieved", **changes: Any) -> dict[str, Any]:
    """The document ``doc-<rank>`` at this rank."""
    return {
        "id": f"doc-{rank}",
        "score": 1 - rank / 10,
        "rank": rank,
        "stage": stage,
        "span_id": "b1" if stage == "retrieved" else "c1",
        "content": f"What document {rank} says.",
    } | changes


def span(span_id: str = "a1", parent: str = "", **changes: Any) -> dict[str, Any]:
    """A chain span of 100 ms."""
    return {
        "span_id": span_id,
        "parent_span_id": parent,
        "name": f"step {span_id}",
        "kind": "CHAIN",
        "started_at": "2026-03-04T11:58:00.000000Z",
        "duration_ms": 100.0,
        "status": "ok",
        "attributes": {"input.value": "Where is Bern?"},
        "events": [],
    } | changes


def trace(**changes: Any) -> dict[str, Any]:
    """A trace of a chain with a retriever and a reranker, without documents or scores."""
    return {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "started_at": "2026-03-04T11:58:00.000000Z",
        "duration_ms": 100.0,
        "name": "answer",
        "project": "default",
        "service": "shop",
        "status": "ok",
        "incomplete": False,
        "query": "Where is Bern?",
        "answer": "Bern lies on the Aare. It was founded on the Moon.",
        "encoder": "minilm@2",
        "encoders": ["minilm@2"],
        "reranker": "bm25",
        "llm_model": "extractive",
        "prompt_version": "v7",
        "route": "main",
        "session": "s1",
        "user": "u1",
        "tokens_prompt": 812,
        "tokens_completion": 41,
        "cost_usd": 0.0012,
        "metadata": {"doc_family": "billing", "attempt": 2},
        "tags": ["beta"],
        "scores": [],
        "feedback": [],
        "evaluations": [],
        "gold_document_ids": [],
        "documents": [],
        "spans": [span(), span("b1", "a1", kind="RETRIEVER"), span("c1", "a1", kind="RERANKER")],
    } | changes
