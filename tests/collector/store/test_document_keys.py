"""Flattened attributes name a document's place; what only looks like such a name is no document."""

from __future__ import annotations

import time

from groundtrace_collector.collector import Collector
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id

ROWS = """
SELECT Stage, Rank, DocumentId, Score, ContentHash != 0 AS HasText FROM retrieved_documents
WHERE TraceId = {trace_id:String} ORDER BY Stage, Rank
"""

Row = tuple[str, int, str, float | None, bool]


async def stored(send: Send, collector: Collector, attributes: dict[str, object]) -> list[Row]:
    trace_id = new_trace_id()
    await send(
        [{"trace_id": trace_id, "kind": "RETRIEVER", "start_ns": time.time_ns(), "attributes": attributes}]
    )
    rows = await collector.store.query(ROWS, {"trace_id": trace_id})
    return [
        (row["Stage"], row["Rank"], row["DocumentId"], row["Score"], bool(row["HasText"])) for row in rows
    ]


async def test_places_of_any_length_are_read_in_all_three_lists(send: Send, collector: Collector) -> None:
    attributes: dict[str, object] = {}
    lists = {"retrieved": "retrieval.documents", "rerank_in": "reranker.input_documents",
             "rerank_out": "reranker.output_documents"}  # fmt: skip
    for stage, prefix in lists.items():
        for place in (0, 9, 10, 123, 65_534):
            attributes[f"{prefix}.{place}.document.id"] = f"{stage}-{place}"
            attributes[f"{prefix}.{place}.document.score"] = place / 4
        attributes[f"{prefix}.10.document.content"] = "a text"

    assert await stored(send, collector, attributes) == [
        (stage, place + 1, f"{stage}-{place}", place / 4, place == 10)
        for stage in sorted(lists)
        for place in (0, 9, 10, 123, 65_534)
    ]


async def test_a_document_without_id_is_known_by_its_metadata_else_its_text(
    send: Send, collector: Collector
) -> None:
    attributes: dict[str, object] = {
        "retrieval.documents.0.document.metadata": '{"doc_id": "m1"}',
        "retrieval.documents.1.document.content": "a text",
        "retrieval.documents.12.document.metadata": '{"source": "m2"}',
    }
    rows = await stored(send, collector, attributes)

    assert [(rank, name) for _, rank, name, _, _ in rows if not name.startswith("text-")] == [
        (1, "m1"),
        (13, "m2"),
    ]
    assert rows[1][2].startswith("text-"), rows[1]


async def test_what_only_resembles_a_documents_key_makes_no_document(
    send: Send, collector: Collector
) -> None:
    resembling = (
        "retrieval.documents.0.document.ids", "retrieval.documents.65535.document.id", "retrieval.documents",
        "retrieval.documents.0.document.id.more", "my.retrieval.documents.0.document.id", "documents.0.document.id",
        "reranker.documents.0.document.id",
    )  # fmt: skip
    attributes: dict[str, object] = dict.fromkeys(resembling, "x")
    attributes["retrieval.documents.2.document.id"] = ""
    attributes["retrieval.documents.1.document.id"] = "the one"

    assert await stored(send, collector, attributes) == [("retrieved", 2, "the one", None, False)]
