"""What Qdrant's client is asked, and what it found, in the shapes of its methods old and new. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.documents import Document
from groundtrace.steps.recognise import FoundDocuments
from groundtrace_integrations.fields import field
from groundtrace_integrations.scores import number, sense_by_order
from groundtrace_integrations.searching import Search, whole
from groundtrace_integrations.watching import Arguments

# Where the text of a point is, by those who write points: fastembed, LangChain, LlamaIndex, people.
_CONTENT_KEYS: Final = ("document", "page_content", "text", "content", "chunk", "body", "passage")
_SENSES: Final[Mapping[str, str]] = {
    "Cosine": semconv.SCORE_SENSE_SIMILARITY,
    "Dot": semconv.SCORE_SENSE_SIMILARITY,
    "Euclid": semconv.SCORE_SENSE_DISTANCE,
    "Manhattan": semconv.SCORE_SENSE_DISTANCE,
}

# Queries whose scores are no distance of the collection's.
_OTHER_SCORES: Final = ("fusion", "rrf", "formula", "order_by", "sample")


def asked(client: Any, arguments: Arguments) -> Search:
    """Return the text that is searched for, where it is one, and how many points are wanted."""
    del client
    return Search(
        query=_text(arguments.get("query_text"), arguments.get("query")),
        top_k=whole(arguments.get("limit")),
        data_source=_collection(arguments),
    )


def asked_batch(client: Any, arguments: Arguments) -> Search:
    """Return the same of a batch's first request, and how many there are."""
    del client
    requests: Sequence[Any] = arguments.get("requests") or arguments.get("query_texts") or ()
    first = requests[0] if len(requests) else None
    limit = arguments.get("limit") if isinstance(first, str) else field(first, "limit")
    return Search(
        query=_text(first, field(first, "query")),
        top_k=whole(limit),
        data_source=_collection(arguments),
        queries=len(requests),
    )


def found(client: Any, arguments: Arguments, result: Any, enough: int) -> FoundDocuments:
    """Return a query's documents; those of groups one group after the other, as they came."""
    points = _points(result)
    documents = [_document(point) for point in points[:enough]]
    scores = [document.score for document in documents if document.score is not None]
    sense = sense_by_order(scores) or (_local_sense(client, arguments) if scores else None)
    return FoundDocuments(documents=documents, sense=sense)


def found_batch(client: Any, arguments: Arguments, result: Sequence[Any], enough: int) -> FoundDocuments:
    """Return the documents of a batch's first request."""
    if not len(result):
        return FoundDocuments(documents=[])
    requests = arguments.get("requests")
    first = {"collection_name": arguments.get("collection_name")}
    if requests:
        first |= {"query": field(requests[0], "query"), "using": field(requests[0], "using")}
    return found(client, first, result[0], enough)


def _points(result: Any) -> Sequence[Any]:
    groups = getattr(result, "groups", None)
    if groups is not None:
        return [point for group in groups for point in group.hits]
    points = getattr(result, "points", result)
    return points if isinstance(points, Sequence) else ()


def _document(point: Any) -> Document:
    """Return a point, or a hit of ``query`` by text, as a document."""
    told = getattr(point, "document", None)
    payload = getattr(point, "metadata" if told is not None else "payload", None) or {}
    key = next((key for key in _CONTENT_KEYS if isinstance(payload.get(key), str)), None)
    content = told or (payload[key] if key is not None else None)
    return Document(
        id=str(point.id),
        content=content,
        score=number(point.score),
        # The text is there once.
        metadata={name: value for name, value in payload.items() if value is not content} or None,
    )


def _text(text: Any, query: Any) -> str | None:
    """Return what is searched for, where it is a text; a plain string as ``query`` is the id of a point."""
    if isinstance(text, str):
        return text
    for part in (query, getattr(query, "nearest", None)):
        words = getattr(part, "text", None)  # models.Document
        if isinstance(words, str):
            return words
    return None


def _collection(arguments: Arguments) -> str | None:
    name = arguments.get("collection_name")
    return name if isinstance(name, str) else None


def _local_sense(client: Any, arguments: Arguments) -> str | None:
    """Return what the collection's distance says, where the collection is in this process.

    A server would have to be asked for it, and tracing asks nobody.
    """
    query = arguments.get("query_vector", arguments.get("query"))
    if query is None or any(hasattr(query, key) for key in _OTHER_SCORES):
        return None
    collection = getattr(getattr(client, "_client", None), "collections", {}).get(_collection(arguments))
    vectors = getattr(getattr(collection, "config", None), "vectors", None)
    name = arguments.get("using") or arguments.get("vector_name")
    if isinstance(vectors, Mapping):
        vectors = vectors.get(name)
    distance = getattr(vectors, "distance", None)
    return _SENSES.get(str(getattr(distance, "value", distance)))
