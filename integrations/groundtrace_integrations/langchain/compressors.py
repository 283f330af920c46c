"""Rerankers: document compressors, and the cross-encoders whose scores they throw away."""

from typing import Any

from langchain_core.documents import Document

from groundtrace import semconv
from groundtrace.attributes import Attributes, text_attribute
from groundtrace.semconv import SpanKind
from groundtrace_integrations.identity import model_name, whole
from groundtrace_integrations.langchain.documents import rerank_input_attributes, rerank_output_attributes
from groundtrace_integrations.langchain.runs import Run, current_run
from groundtrace_integrations.langchain.scores import SeenScores
from groundtrace_integrations.langchain.steps import argument, noting, step
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Wrap
from groundtrace_integrations.scores import number


def compressor_wraps(tracer: RunTracer) -> dict[str, Wrap]:
    """Wraps for the methods of a BaseDocumentCompressor class."""
    wrap = step(tracer, lambda *call: _begin(tracer, *call), lambda run, kept: _describe(tracer, run, kept))
    return {"compress_documents": wrap, "acompress_documents": wrap}


def cross_encoder_wraps(tracer: RunTracer) -> dict[str, Wrap]:
    """Wraps for the methods of a BaseCrossEncoder class."""
    return {"score": noting(tracer, _note_scores)}


class _Reranking:
    """What a reranker was given, kept on its run until it answers."""

    __slots__ = ("compressor", "documents")

    def __init__(self, compressor: object, documents: list[Document]) -> None:
        self.compressor = compressor
        self.documents = documents


def _begin(
    tracer: RunTracer,
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Run | None:
    around = current_run()
    if (
        around is not None
        and isinstance(around.instance, _Reranking)
        and around.instance.compressor is instance
    ):
        return None  # a super() call, or the async form on its way through the sync one
    documents = argument(args, kwargs, 0, "documents")
    documents = list(documents) if isinstance(documents, list | tuple) else []
    query = argument(args, kwargs, 1, "query")
    run = tracer.begin_step(SpanKind.RERANKER, instance, around)
    if run is None:
        return None
    run.instance = _Reranking(instance, documents)
    if not run.recording:
        return run
    settings = run.settings
    name = model_name(instance)
    if name is not None:
        run.attributes[semconv.RERANKER_MODEL_NAME] = name
    top_k = whole(instance, "top_n", "top_k", "k")
    if top_k is not None:
        run.attributes[semconv.RERANKER_TOP_K] = top_k
    if isinstance(query, str) and not settings.hide_inputs:
        run.add(text_attribute(semconv.RERANKER_QUERY, query, settings))
    run.add(rerank_input_attributes(documents, run, settings))
    return run


def _describe(tracer: RunTracer, run: Run, kept: object) -> Attributes:
    if not isinstance(kept, list | tuple) or not isinstance(run.instance, _Reranking):
        return {}
    return rerank_output_attributes(kept, run, tracer.settings)


def _note_scores(_encoder: object, args: tuple[Any, ...], kwargs: dict[str, Any], scores: Any) -> None:
    run = current_run()
    pairs = argument(args, kwargs, 0, "text_pairs")
    if run is None or not isinstance(run.instance, _Reranking) or not isinstance(pairs, list | tuple):
        return
    by_text = {document.page_content: document for document in run.instance.documents}
    run.scores = run.scores or SeenScores()
    for (_, text), score in zip(pairs, scores, strict=False):
        figure = number(score)
        if figure is not None and text in by_text:
            run.scores.note([(by_text[text], figure)], semconv.SCORE_SENSE_SIMILARITY)
