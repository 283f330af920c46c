"""What a passage goes by: its own id, the id that its trace found the same text by, else a name made of its text."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from opentelemetry.trace import Span

from groundtrace.documents import Document

_METADATA_KEYS: Final = ("id", "_id", "doc_id", "document_id", "source")
"""Where a document without an id may tell it; the collector looks there too."""

MAX_TRACES: Final = 256
MAX_PASSAGES: Final = 1_000


def passage_id(document: Document) -> str | None:
    """Return what to call a document; None where neither id, metadata nor text say anything."""
    told = told_id(document)
    if told is not None:
        return told
    return text_id(document.content) if document.content else None


def told_id(document: Document) -> str | None:
    """Return the document's own id, else the one in its metadata."""
    if document.id is not None:
        return str(document.id)
    if document.metadata:
        for key in _METADATA_KEYS:
            told = document.metadata.get(key)
            if told is not None and told != "":
                return str(told)
    return None


def text_id(text: str) -> str:
    """Return an id made of a text, 64 bits of its BLAKE2b.

    >>> text_id("Bern")
    'text-fb3d38f0fbdb2cbc'
    """
    return f"text-{hashlib.blake2b(text.encode(errors='replace'), digest_size=8).hexdigest()}"


class Passages:
    """Ids by text, for the traces that retrieved last. Bounded, and safe from any thread.

    A reranker is often given texts alone. The retriever before it knew what they are called.
    """

    def __init__(self) -> None:
        # Texts by their hash, which Python keeps with them; a trace's first id of a text stays.
        self._traces: dict[int, dict[int, str]] = {}
        self._lock = threading.Lock()

    def note(self, span: Span, documents: Sequence[Document]) -> None:
        """Remember what a retriever's documents are called."""
        named = {
            hash(found.content): known_id
            for found in reversed(documents)  # of two with one text the better one counts
            if found.content and (known_id := told_id(found)) is not None
        }
        if not named or not (trace_id := span.get_span_context().trace_id):
            return
        with self._lock:
            known = self._traces.pop(trace_id, {})
            if len(known) < MAX_PASSAGES:
                known = {**named, **known}
            self._traces[trace_id] = known  # the latest is the last to go
            if len(self._traces) > MAX_TRACES:
                del self._traces[next(iter(self._traces))]

    def named(self, span: Span, documents: Sequence[Document]) -> list[Document]:
        """Return the documents, those without an id with the one that their trace found the same text by."""
        known = self._traces.get(span.get_span_context().trace_id)
        return list(documents) if known is None else [_named(document, known) for document in documents]


def _named(document: Document, known: Mapping[int, str]) -> Document:
    found = None if document.id is not None or not document.content else known.get(hash(document.content))
    return document if found is None else replace(document, id=found)


passages: Final = Passages()
