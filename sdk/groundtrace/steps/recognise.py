"""Documents, messages and model replies in the shapes that libraries hand about. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from groundtrace.documents import Document
from groundtrace.semconv import SCORE_SENSE_DISTANCE

_ID_NAMES: Final = ("id", "_id", "doc_id", "document_id", "chunk_id", "id_", "node_id")
_CONTENT_NAMES: Final = ("content", "page_content", "text", "document", "body", "passage")
_SCORE_NAMES: Final = ("score", "relevance_score", "_score", "similarity")
_DISTANCE_NAMES: Final = ("distance", "_distance")
_METADATA_NAMES: Final = ("metadata", "meta", "payload")
_LIST_NAMES: Final = ("documents", "results", "hits", "matches", "points", "source_documents")
_INDEX_NAMES: Final = ("index", "corpus_id")
_CACHED_QUERY_NAMES: Final = ("query", "question", "prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDocuments:
    """Documents, best first; ``sense`` is ``distance`` where the scores are distances."""

    documents: list[Document]
    sense: str | None = None


def read(item: object, names: Iterable[str]) -> Any:
    """Return the first of ``names`` that a mapping or object has and that is not None."""
    for name in names:
        value = item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
        if value is not None and not callable(value):
            return value
    return None


def number(value: object) -> float | None:
    """``value`` as a float if it is a number (numpy's and tensors' scalars too), else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Real):
        return float(value)
    if getattr(value, "shape", None) == () and hasattr(value, "__float__"):
        return float(value)
    return None


def find_documents(value: object) -> FoundDocuments | None:
    """Return the documents in a retriever's result, or None when it holds something else.

    Understood: Document, mappings and objects with an id, text and score under their usual names,
    LangChain's, LlamaIndex's and Haystack's documents, (document, score) pairs, texts, ids, a
    mapping with a list of these, and a pair of lists: documents and scores.
    """
    value = _listed(value)
    if value is None:
        return None
    found = [_document(item) for item in value]
    if any(document is None for document, _ in found):
        return None
    sense = SCORE_SENSE_DISTANCE if any(is_distance for _, is_distance in found) else None
    return FoundDocuments(documents=[document for document, _ in found if document], sense=sense)


def _listed(value: object) -> Sequence[object] | None:
    if isinstance(value, Mapping) or not isinstance(value, Sequence | str | bytes):
        inner = read(value, _LIST_NAMES) if value is not None else None
        if isinstance(inner, list | tuple):
            return inner
        return [value] if isinstance(value, Document) else None
    if not isinstance(value, list | tuple):
        return None
    if len(value) == 2 and isinstance(value[0], list) and _numbers(value[1], len(value[0])):
        return list(zip(value[0], value[1], strict=True))
    return value


def _numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == count
        and all(number(item) is not None for item in value)
    )


def _document(item: object) -> tuple[Document | None, bool]:
    """Return a document, and whether its score is a distance."""
    if isinstance(item, Document):
        return item, False
    if isinstance(item, str):
        return _from_text(item), False
    if isinstance(item, tuple) and len(item) == 2:
        score = number(item[1])
        document, is_distance = _document(item[0])
        if score is None or document is None:
            return None, False
        return _scored(document, score), is_distance
    if item is None or isinstance(item, bool | int | float | bytes | list | tuple):
        return None, False
    return _from_fields(item)


def _from_text(text: str) -> Document:
    # Ids have no blanks, passages do.
    return Document(content=text) if any(map(str.isspace, text)) else Document(id=text)


def _from_fields(item: object) -> tuple[Document | None, bool]:
    node = read(item, ("node",))  # LlamaIndex's NodeWithScore
    source = item if node is None else node
    metadata = read(source, _METADATA_NAMES)
    metadata = metadata if isinstance(metadata, Mapping) else None
    content = read(source, _CONTENT_NAMES) or (read(metadata, _CONTENT_NAMES) if metadata else None)
    document_id = read(source, _ID_NAMES)
    if document_id is None and metadata:
        document_id = read(metadata, _ID_NAMES)
    score, is_distance = _score(item)
    if score is None and metadata:
        score, is_distance = _score(metadata)
    if not isinstance(content, str):
        content = None
    if content is None and document_id is None:
        return None, False
    return (
        Document(
            id=None if document_id is None else str(document_id),
            content=content,
            score=score,
            metadata=metadata,
        ),
        is_distance,
    )


def _score(item: object) -> tuple[float | None, bool]:
    score = number(read(item, _SCORE_NAMES))
    if score is not None:
        return score, False
    distance = number(read(item, _DISTANCE_NAMES))
    return distance, distance is not None


def _scored(document: Document, score: float | None) -> Document:
    return Document(id=document.id, content=document.content, score=score, metadata=document.metadata)


def find_reranked(value: object, inputs: Sequence[Document]) -> FoundDocuments | None:
    """Return the documents in a reranker's result, best first.

    Beside what a retriever may return: one score for each input in order, and (index, score) pairs
    or mappings with ``index`` or ``corpus_id`` that point into the inputs.
    """
    if hasattr(value, "tolist") and not isinstance(value, list | tuple):
        value = value.tolist()
    if inputs and _numbers(value, len(inputs)):
        scored = [_scored(document, number(score)) for document, score in zip(inputs, value, strict=True)]  # type: ignore[call-overload]
        return FoundDocuments(documents=sorted(scored, key=lambda document: -(document.score or 0.0)))
    listed = _listed(value)
    if listed:
        pointed = [_pointed(item, inputs) for item in listed]
        if all(document is not None for document in pointed):
            return FoundDocuments(documents=[document for document in pointed if document])
    return find_documents(value)


def _pointed(item: object, inputs: Sequence[Document]) -> Document | None:
    if isinstance(item, tuple) and len(item) == 2:
        index, score = item
    elif isinstance(item, Document | str) or item is None:
        return None
    else:
        index, score = read(item, _INDEX_NAMES), read(item, _SCORE_NAMES)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(inputs):
        return None
    return _scored(inputs[index], number(score))


def find_texts(arguments: Mapping[str, object]) -> list[str] | None:
    """Return the texts among an encoder's arguments: the first text, or the first list of texts."""
    for value in arguments.values():
        if isinstance(value, str):
            return [value]
        if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
            return list(value)
    return None


def find_query(arguments: Mapping[str, object]) -> str | None:
    """Return the query among the arguments: by its usual names, else the first text."""
    for name in ("query", "question", "q", "search_query", "input", "text", "prompt"):
        value = arguments.get(name)
        if isinstance(value, str):
            return value
    return next((value for value in arguments.values() if isinstance(value, str)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAnswer:
    """A stored answer, with how near its question is and that question, where they are told."""

    answer: object
    similarity: float | None = None
    query: str | None = None


def find_answer(value: object) -> FoundAnswer | None:
    """Return what a cache's lookup found; None for None and for an empty list.

    Understood beside the answer itself: an (answer, similarity) pair, and mappings and objects that
    have a ``similarity`` or ``score``, with the stored ``query``, ``question`` or ``prompt``; a list
    is as its first item. A ``distance`` is no similarity, and is left out.
    """
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return None
    if isinstance(value, tuple) and len(value) == 2 and number(value[1]) is not None:
        return FoundAnswer(answer=value[0], similarity=number(value[1]))
    if isinstance(value, str | bytes | int | float):
        return FoundAnswer(answer=value)
    query = read(value, _CACHED_QUERY_NAMES)
    return FoundAnswer(
        answer=value,
        similarity=number(read(value, _SCORE_NAMES)),
        query=query if isinstance(query, str) else None,
    )


def find_input_documents(arguments: Mapping[str, object]) -> list[Document] | None:
    """Return the documents among a reranker's arguments; a list of texts is one of passages."""
    for value in arguments.values():
        if isinstance(value, list | tuple) and value:
            if all(isinstance(item, str) for item in value):
                return [Document(content=item) for item in value]
            found = find_documents(value)
            if found:
                return found.documents
    return None
