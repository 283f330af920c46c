"""What a retriever's span says of its documents in other vocabularies than OpenInference's. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_GEN_AI: Final = "gen_ai.retrieval.documents"
_TRACEAI_IDS: Final = "db.vector.results.ids"
_OPENLLMETRY: Final = "traceloop.entity.output"
_EVENTS: Final = {
    # An event a hit: the keys of its id, its text and its metadata.
    "db.query.result": ("db.query.result.id", "db.query.result.document", "db.query.result.metadata"),
    "db.search.result": ("db.search.result.id", "db.search.result.entity", ""),
}
_METADATA_IDS: Final = ("id", "_id", "doc_id", "source")

Event = tuple[str, Mapping[str, str]]
"""A span's event: its name and its attributes."""


@dataclass(frozen=True, slots=True)
class ForeignDocument:
    """A document as a span tells it; '' and {} for what it does not."""

    document_id: str
    content: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def foreign_documents(attributes: Mapping[str, str], events: Iterable[Event]) -> list[ForeignDocument]:
    """The documents of a span without OpenInference's keys, best first.

    OpenTelemetry's JSON list, traceAI's list of ids, OpenLLMetry's events, its JSON: in this order, so that
    each has the rank that it has in `retrieved_documents` (the view in store/migrations).
    """
    output = _json(attributes.get(_OPENLLMETRY))
    listed = output.get("documents") if isinstance(output, dict) else None
    return [
        *(_of_json(each, "content") for each in _list(_json(attributes.get(_GEN_AI)))),
        *(ForeignDocument(_text(each), "") for each in _list(_json(attributes.get(_TRACEAI_IDS)))),
        *(_of_event(*_EVENTS[name], each) for name, each in events if name in _EVENTS),
        *(_of_json(each, "page_content") for each in _list(listed)),
    ]


def _of_json(document: object, content: str) -> ForeignDocument:
    if not isinstance(document, dict):
        return ForeignDocument("", "")
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    ids = (document.get("id"), *(metadata.get(name) for name in _METADATA_IDS))
    return ForeignDocument(next(filter(None, map(_text, ids)), ""), _text(document.get(content)), metadata)


def _of_event(id_key: str, content: str, metadata: str, attributes: Mapping[str, str]) -> ForeignDocument:
    found = _json(attributes.get(metadata))
    return ForeignDocument(
        attributes.get(id_key, ""), attributes.get(content, ""), found if isinstance(found, dict) else {}
    )


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
