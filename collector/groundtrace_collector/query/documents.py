"""The documents of a trace: rows of the store, contents from the attributes of its spans. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.foreign_documents import foreign_documents
from groundtrace_collector.query.shapes import finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_STAGES = {
    "retrieval.documents": "retrieved",
    "reranker.input_documents": "rerank_in",
    "reranker.output_documents": "rerank_out",
}
_CONTENT = re.compile(
    r"(retrieval\.documents|reranker\.(?:in|out)put_documents)\.(\d{1,4})\.document\.(content|metadata)"
)

Place = tuple[str, str, int]
"""Span, stage, rank."""


def documents_of(
    rows: Sequence[Mapping[str, Any]], spans: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The API's documents, each once: ``rows`` as stored, with content and metadata from ``spans``' attributes.

    They come in the order of ``spans``, of stages by name, of ranks. A content that one stage lacks (a reranker
    that passes ids on) is taken by id from any stage that has it.
    """
    order = {span["span_id"]: number for number, span in enumerate(spans)}
    placed = {(row["SpanId"], row["Stage"], row["Rank"]): row for row in rows}
    rows = [
        placed[place] for place in sorted(placed, key=lambda each: (order.get(each[0], len(order)), *each))
    ]
    fields = {place: fields for span in spans for place, fields in _fields(span)}
    texts: dict[str, str] = {}
    for row in rows:
        content = fields.get((row["SpanId"], row["Stage"], row["Rank"]), {}).get("content")
        if content and row["DocumentId"]:
            texts.setdefault(row["DocumentId"], content)
    return [_document(row, fields, texts) for row in rows]


def _document(
    row: Mapping[str, Any], fields: Mapping[Place, Mapping[str, str]], texts: Mapping[str, str]
) -> dict[str, Any]:
    own = fields.get((row["SpanId"], row["Stage"], row["Rank"]), {})
    return {
        "id": row["DocumentId"] or None,
        "score": finite(row["Score"]),
        "rank": row["Rank"],
        "stage": row["Stage"],
        "span_id": row["SpanId"],
        "content": own.get("content") or texts.get(row["DocumentId"]),
        "metadata": _object(own.get("metadata")),
    }


def _fields(span: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, str]]]:
    """Content and metadata of each document that a span tells, whichever vocabulary it speaks."""
    found: dict[Place, dict[str, str]] = {}
    for key, value in span["attributes"].items():
        match = _CONTENT.fullmatch(key)
        if match:
            place = (span["span_id"], _STAGES[match[1]], int(match[2]) + 1)
            found.setdefault(place, {})[match[3]] = value
    if not found and span["kind"] == "RETRIEVER":
        events = ((event["name"], event["attributes"]) for event in span["events"])
        for rank, document in enumerate(foreign_documents(span["attributes"], events), 1):
            metadata = json.dumps(document.metadata) if document.metadata else ""
            found[span["span_id"], "retrieved", rank] = {"content": document.content, "metadata": metadata}
    yield from found.items()


def _object(text: str | None) -> dict[str, Any] | None:
    value = _json(text)
    return value if isinstance(value, dict) else None


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
