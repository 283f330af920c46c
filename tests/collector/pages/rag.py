"""The spans of a RAG trace as an instrumented app sends them."""

import time
from typing import Any

TRACE = "0af7651916cd43dd8448eb211c80319c"
ANSWER = "Refunds are paid within ten days. You also get a voucher worth 50 EUR by mail."
UNSUPPORTED = "You also get a voucher worth 50 EUR by mail."


def rag_spans(trace_id: str, *, encoder: str = "2", **root: Any) -> list[dict[str, Any]]:
    """Chain, encoder, retriever of four documents, reranker that keeps three in another order, and LLM."""
    start = time.time_ns() - 5_000_000_000
    retrieved = [(f"policy-{place}", 1 - place / 10) for place in range(1, 5)]
    reranked = [("policy-3", 12.5), ("policy-1", 7.25), ("policy-4", 1.5)]

    def span(number: int, kind: str, name: str, ms: tuple[int, int], **attributes: Any) -> dict[str, Any]:
        return {
            "trace_id": trace_id,
            "span_id": f"{number:016x}",
            "parent_span_id": "" if number == 1 else f"{1:016x}",
            "name": name,
            "kind": kind,
            "start_ns": start + ms[0] * 1_000_000,
            "duration_ms": ms[1],
            "attributes": {key.replace("__", "."): value for key, value in attributes.items()},
        }

    spans = [
        span(
            1, "CHAIN", "answer", (0, 120), input__value="How long does a refund take?", output__value=ANSWER
        ),
        span(
            2, "EMBEDDING", "embed", (1, 9), embedding__model_name="minilm", embedding__model_version=encoder
        ),
        span(3, "RETRIEVER", "search", (11, 20), input__value="How long does a refund take?"),
        span(4, "RERANKER", "rerank", (32, 6), reranker__model_name="bm25"),
        span(5, "LLM", "chat", (40, 70), llm__model_name="extractive", output__value=ANSWER),
    ]
    spans[0]["attributes"] |= {
        "metadata": '{"doc_family": "billing"}',
        "session.id": "session-7",
        "user.id": "user-9",
        "groundtrace.gold.document_ids": '["policy-3"]',
    }
    spans[2]["attributes"] |= documents("retrieval.documents", retrieved)
    spans[3]["attributes"] |= documents("reranker.input_documents", retrieved)
    spans[3]["attributes"] |= documents("reranker.output_documents", reranked)
    spans[4]["attributes"] |= {
        "llm.token_count.prompt": 812,
        "llm.token_count.completion": 41,
        "llm.cost.total": 0.0012,
    }
    spans[4]["events"] = [{"name": "first token", "attributes": {"token": "Refunds"}}]
    spans[0] |= root
    return spans


def documents(prefix: str, ranked: list[tuple[str, float]]) -> dict[str, Any]:
    """OpenInference's attributes of ranked documents."""
    attributes: dict[str, Any] = {}
    for place, (name, score) in enumerate(ranked):
        stem = f"{prefix}.{place}.document"
        attributes |= {
            f"{stem}.id": name,
            f"{stem}.score": score,
            f"{stem}.content": f"What {name} says about refunds.",
        }
    return attributes


def rag_scores(trace_id: str) -> list[dict[str, Any]]:
    """A failed groundedness with evidence, a passed relevance, a hallucination score that abstained."""
    common = {"trace_id": trace_id, "source": "evaluator", "version": "1", "method": "lexical"}
    return [
        common
        | {
            "name": "groundedness",
            "score": 0.31,
            "explanation": "1 of 2 sentences lacks support.",
            "evidence": [
                {"text": "Refunds are paid within ten days.", "score": 1.0, "supported": True, "passage": 0},
                {"text": UNSUPPORTED, "score": 0.1, "supported": False, "missing": ["voucher", "50"]},
            ],
        },
        common | {"name": "context_relevance", "score": 0.83, "explanation": "5 of 6 query terms occur."},
        common
        | {
            "name": "hallucination_score",
            "status": "abstained",
            "explanation": "The answer declines to answer.",
        },
    ]


def ledger_row(trace_id: str, seq: int) -> dict[str, Any]:
    """A decision that gave no score."""
    return {
        "Project": "shop",
        "Job": "quality",
        "TraceId": trace_id,
        "Evaluator": "answer_relevance",
        "EvaluatorVersion": "1",
        "InputHash": 1,
        "Status": "skipped",
        "Reason": "the case has no expected answer",
        "Seq": seq,
    }
