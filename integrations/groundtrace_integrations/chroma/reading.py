"""What a collection is asked, and what it found. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.documents import Document
from groundtrace.steps.recognise import FoundDocuments
from groundtrace_integrations.scores import number
from groundtrace_integrations.searching import Search, whole
from groundtrace_integrations.watching import Arguments

_QUERIES: Final = ("query_embeddings", "query_texts", "query_images", "query_uris")


def asked(collection: Any, arguments: Arguments) -> Search:
    """Return the first text that is searched for, where it is by texts, and how many neighbours are wanted."""
    texts = arguments.get("query_texts")
    first = texts if isinstance(texts, str) else (texts[0] if texts else None)
    return Search(
        query=first if isinstance(first, str) else None,
        top_k=whole(arguments.get("n_results")),
        data_source=str(collection.name),
        queries=_count(arguments),
    )


def _count(arguments: Arguments) -> int:
    for name in _QUERIES:
        queries = arguments.get(name)
        if queries is None:
            continue
        # One vector or text may stand without a list around it.
        single = isinstance(queries, str) or (len(queries) > 0 and number(queries[0]) is not None)
        return 1 if single else len(queries)
    return 1


def found(collection: Any, arguments: Arguments, result: Mapping[str, Any], enough: int) -> FoundDocuments:
    """Return the first query's documents, with what the app had included. Chroma's scores are distances."""
    del collection, arguments
    ids = _first(result, "ids")
    contents = _first(result, "documents")
    metadatas = _first(result, "metadatas")
    distances = _first(result, "distances")
    documents = [
        Document(
            id=str(document_id),
            content=_at(contents, place),
            score=number(_at(distances, place)),
            metadata=_at(metadatas, place),
        )
        for place, document_id in enumerate(ids[:enough])
    ]
    return FoundDocuments(documents=documents, sense=semconv.SCORE_SENSE_DISTANCE if distances else None)


def _first(result: Mapping[str, Any], key: str) -> Sequence[Any]:
    """Return the first query's column; empty when the app did not ask for it."""
    rows = result.get(key)
    return rows[0] if rows else ()


def _at(column: Sequence[Any], place: int) -> Any:
    return column[place] if place < len(column) else None
