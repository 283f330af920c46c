"""Nodes with scores as documents, with id, score and text."""

from collections.abc import Sequence
from typing import Any

from groundtrace import semconv
from groundtrace.attributes import Attributes, document_attributes
from groundtrace.documents import Document
from groundtrace.passages import passages
from groundtrace.settings import TraceSettings
from groundtrace_integrations.llamaindex.steps import Step
from groundtrace_integrations.scores import number, sense_by_order
from groundtrace_integrations.shown import ShownDocuments


def retrieved_attributes(step: Step, nodes: Sequence[Any]) -> Attributes:
    """``retrieval.documents``, best first, and what sort of number their scores are."""
    documents = [_document(node, step.shown, step.settings) for node in nodes]
    passages.note(step.span, documents)
    attributes = document_attributes(semconv.RETRIEVAL_DOCUMENTS, documents, step.settings)
    scores = [document.score for document in documents if document.score is not None]
    if scores:
        # LlamaIndex turns distances into similarities; an order that says otherwise is believed.
        attributes[semconv.RETRIEVAL_SCORE_SENSE] = sense_by_order(scores) or semconv.SCORE_SENSE_SIMILARITY
    return attributes


def rerank_attributes(
    prefix: str, nodes: Sequence[Any], shown: ShownDocuments, settings: TraceSettings
) -> Attributes:
    """``reranker.input_documents`` in the order they came, or ``reranker.output_documents``, best first."""
    return document_attributes(prefix, [_document(node, shown, settings) for node in nodes], settings)


def scored_nodes(value: object) -> Sequence[Any]:
    """Return a list of nodes with scores; empty for anything else."""
    if isinstance(value, Sequence) and all(hasattr(node, "node") for node in value):
        return value
    return ()


def _document(scored: Any, shown: ShownDocuments, settings: TraceSettings) -> Document:
    """Return the node as the span has it; a text that the trace carries already is left out."""
    node, score = scored.node, number(scored.score)
    node_id, text = str(node.node_id), node.get_content()
    if shown.add(node_id, text, score) and settings.plumbing != "full":
        return Document(id=node_id, score=score)
    return Document(id=node_id, content=text, score=score, metadata=node.metadata or None)
