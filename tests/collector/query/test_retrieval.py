"""Which of a trace's retrievers and rerankers count: the pure rule, the settled trace, the case, the page."""

import time
from collections.abc import Iterable
from typing import Any

import httpx

from groundtrace_collector.collector import Collector
from groundtrace_collector.jobs.cases import retrieval_spans
from groundtrace_collector.jobs.context import retrieval
from groundtrace_collector.pages.documents import ranking
from groundtrace_collector.pages.text import Budget
from groundtrace_collector.query.retrieval import Stage, that_count
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id

# Kind, when it begins and ends in milliseconds, the ids it names; and what counts as retrieved, and as context.
SEARCHES: dict[str, tuple[list[tuple[str, int, int, str]], str, str]] = {
    "one after the other": ([("RETRIEVER", 0, 2, "ab"), ("RETRIEVER", 3, 5, "c")], "c", "c"),
    "the second found nothing": ([("RETRIEVER", 0, 2, "ab"), ("RETRIEVER", 3, 5, "")], "", ""),
    "hybrid search": (
        [("RETRIEVER", 0, 9, "abcd"), ("RETRIEVER", 1, 3, "ac"), ("RETRIEVER", 4, 6, "bd")],
        "abcd",
        "abcd",
    ),
    "hybrid search side by side": (
        [("RETRIEVER", 0, 9, "abcd"), ("RETRIEVER", 1, 7, "ac"), ("RETRIEVER", 1, 3, "bd")],
        "abcd",
        "abcd",
    ),
    "a filter around hybrid search": (
        [("RETRIEVER", 0, 10, "d"), ("RETRIEVER", 1, 9, "abcd"), ("RETRIEVER", 2, 6, "bd")],
        "d",
        "d",
    ),
    "what is around names no documents": ([("RETRIEVER", 0, 9, ""), ("RETRIEVER", 1, 6, "bd")], "bd", "bd"),
    "the reranker within a retriever": (
        [("RETRIEVER", 0, 9, "ca"), ("RETRIEVER", 1, 4, "abcd"), ("RERANKER", 5, 8, "ca")],
        "abcd",
        "ca",
    ),
    "a reranker behind hybrid search": (
        [("RETRIEVER", 0, 6, "abcd"), ("RETRIEVER", 1, 4, "bd"), ("RERANKER", 7, 9, "ca")],
        "abcd",
        "ca",
    ),
    "a shadow's retriever": ([("RETRIEVER", 0, 2, "ab"), ("SHADOW", 3, 5, "c")], "ab", "ab"),
    "a retriever that begins with its part": ([("RETRIEVER", 0, 9, "ab"), ("RETRIEVER", 0, 4, "b")], "ab", "ab"),
    "no retriever": ([("RERANKER", 0, 2, "ab")], "", "ab"),
}  # fmt: skip


def _span(trace_id: str, now_ns: int, kind: str, begins: int, ends: int, ids: str) -> dict[str, Any]:
    prefix = "reranker.output_documents" if kind == "RERANKER" else "retrieval.documents"
    documents = {f"{prefix}.{place}.document.id": name for place, name in enumerate(ids)}
    texts = {f"{prefix}.{place}.document.content": f"about {name}" for place, name in enumerate(ids)}
    return {
        "trace_id": trace_id, "parent_span_id": "aa" * 8, "kind": "RETRIEVER" if kind == "SHADOW" else kind,
        "start_ns": now_ns + begins * 1_000_000, "duration_ms": ends - begins,
        "attributes": {**documents, **texts, **({"groundtrace.shadow": True} if kind == "SHADOW" else {})},
    }  # fmt: skip


async def test_the_settled_trace_the_case_and_the_page_show_the_same_search(
    client: httpx.AsyncClient, send: Send, collector: Collector
) -> None:
    now_ns = time.time_ns() - 60 * 10**9
    traces = {new_trace_id(): name for name in SEARCHES}
    await send(
        [
            span
            for trace_id, name in traces.items()
            for span in (
                {"trace_id": trace_id, "span_id": "aa" * 8, "start_ns": now_ns, "duration_ms": 20},
                *(_span(trace_id, now_ns, *each) for each in SEARCHES[name][0]),
            )
        ]
    )

    rows = await collector.store.query(
        "SELECT Project, TraceId, Seqs, RetrievedIds, ContextIds FROM traces FINAL"
    )
    spans = await retrieval_spans(collector.store, {(row["Project"], row["TraceId"]): row for row in rows})
    found = {traces[trace_id]: retrieval(named) for (_, trace_id), named in spans.items()}
    pages = {}
    for trace_id, name in traces.items():
        shown = (await client.get(f"/api/v1/traces/{trace_id}")).json()
        pages[name] = ranking(shown["documents"], shown["spans"], (), Budget())

    wanted = {name: (retrieved, context) for name, (_, retrieved, context) in SEARCHES.items()}
    assert {
        traces[row["TraceId"]]: (_joined(row["RetrievedIds"]), _joined(row["ContextIds"])) for row in rows
    } == wanted
    assert {
        name: (
            _joined(each.document_id for each in search.retrieved),
            _joined(each.document_id for each in search.reranked or search.retrieved),
        )
        for name, search in found.items()
    } == wanted
    assert {
        name: _joined(each.id.shown for each in page.rows if each.rank) for name, page in pages.items()
    } == {name: context for name, (_, context) in wanted.items()}


def _joined(ids: Iterable[str]) -> str:
    return "".join(ids)


def test_without_times_the_last_counts() -> None:
    stages = [
        Stage("RETRIEVER", 0, 0, finds=True),
        Stage("RETRIEVER", 0, 0, finds=False),
        Stage("RERANKER", 0, 0, finds=False),
    ]

    assert that_count(stages) == (1, 2)
    assert that_count([]) == (None, None)
