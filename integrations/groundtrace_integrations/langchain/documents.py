"""LangChain documents as retrieved or reranked documents, with id, score and text."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.documents import Document as LangChainDocument

from groundtrace import semconv
from groundtrace.attributes import Attributes, document_attributes
from groundtrace.documents import Document
from groundtrace.passages import passages, text_id
from groundtrace.settings import TraceSettings
from groundtrace.steps.recognise import FoundDocuments
from groundtrace_integrations.langchain.runs import Run
from groundtrace_integrations.langchain.scores import SeenScores, scores_below
from groundtrace_integrations.scores import number

_ID_KEYS: Final = ("id", "_id", "doc_id", "document_id")
_SCORE_KEYS: Final = ("score", "relevance_score", "_score")
_DISTANCE_KEY: Final = "distance"


def retrieved_attributes(found: Sequence[LangChainDocument], run: Run) -> Attributes:
    """``retrieval.documents``, best first, and what sort of number their scores are."""
    settings = run.settings
    seen = run.scores or SeenScores()
    below = _scores_below(seen.below, found)
    documents, sense = [], None
    for index, document in enumerate(found):
        score, told = seen.find(document), seen.sense
        if score is None:
            score, told = told_score(document.metadata)
        if score is None and below is not None and seen.below is not None:
            score, told = below[index], seen.below.sense
        if sense is None and score is not None:
            sense = told
        documents.append(_shown(document, score, run, settings))
    passages.note(run.span, documents)
    attributes = document_attributes(semconv.RETRIEVAL_DOCUMENTS, documents, settings)
    if sense is not None:
        attributes[semconv.RETRIEVAL_SCORE_SENSE] = sense
    if seen.top_k is not None:
        attributes[semconv.RETRIEVAL_TOP_K] = attributes[semconv.GEN_AI_RETRIEVAL_TOP_K] = seen.top_k
    return attributes


def _scores_below(
    below: FoundDocuments | None, found: Sequence[LangChainDocument]
) -> Sequence[float | None] | None:
    if below is None:
        return None
    return scores_below(below, [(document_id(document), document.page_content) for document in found])


def rerank_input_attributes(
    documents: Sequence[LangChainDocument], run: Run, settings: TraceSettings
) -> Attributes:
    """``reranker.input_documents`` in the order they came, with the scores that they came with."""
    shown = []
    for document in documents:
        score, _ = told_score(document.metadata)
        known_id = document_id(document)
        if score is None and known_id is not None:
            score = run.shown.score(known_id, document.page_content)
        shown.append(_shown(document, score, run, settings))
    return document_attributes(semconv.RERANKER_INPUT_DOCUMENTS, shown, settings)


def rerank_output_attributes(
    documents: Sequence[LangChainDocument], run: Run, settings: TraceSettings
) -> Attributes:
    """``reranker.output_documents``, best first, with the reranker's scores."""
    scored = run.scores or SeenScores()
    shown = []
    for document in documents:
        score = scored.find(document)
        if score is None:
            score, _ = told_score(document.metadata)
        shown.append(_shown(document, score, run, settings))
    return document_attributes(semconv.RERANKER_OUTPUT_DOCUMENTS, shown, settings)


def document_id(document: LangChainDocument) -> str | None:
    """Return the document's id: its own, else the one in its metadata."""
    if document.id is not None:
        return str(document.id)
    for key in _ID_KEYS:
        value = document.metadata.get(key)
        if value is not None and value != "":
            return str(value)
    return None


def told_score(metadata: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """Return the score that the metadata tells, and its sense."""
    for key in _SCORE_KEYS:
        score = number(metadata.get(key))
        if score is not None:
            return score, semconv.SCORE_SENSE_SIMILARITY
    distance = number(metadata.get(_DISTANCE_KEY))
    return distance, None if distance is None else semconv.SCORE_SENSE_DISTANCE


def _shown(document: LangChainDocument, score: float | None, run: Run, settings: TraceSettings) -> Document:
    """Return the document as the span has it; a text that the trace carries already is left out."""
    text = document.page_content
    known_id = document_id(document) or run.shown.id_of(text)
    if known_id is None and text and not document.metadata.get("source"):
        known_id = text_id(text)
    if known_id is not None and run.shown.add(known_id, text, score) and settings.plumbing != "full":
        return Document(id=known_id, score=score)
    return Document(id=known_id, content=text, score=score, metadata=document.metadata or None)
