"""Cross-encoders: ``rank`` and ``predict``, told as one RERANKER span."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    document_attributes,
    input_attributes,
    merge_attributes,
    output_attributes,
    text_attribute,
)
from groundtrace.documents import Document
from groundtrace.guard import guarded
from groundtrace.passages import passages
from groundtrace.semconv import SpanKind
from groundtrace.vectors import at_hand
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of
from groundtrace_integrations.patches import Wrap
from groundtrace_integrations.sentence_transformers.identity import model_of
from groundtrace_integrations.watching import Arguments, CoveredCall, OwnCall, Watch, watched


class Asked(NamedTuple):
    """What is to be ranked for what."""

    query: str
    documents: Sequence[Any]


def cross_encoder_wraps(tracer: CallTracer) -> dict[str, Wrap]:
    """Wraps for the methods of the CrossEncoder class."""
    return {
        "rank": watched(tracer, partial(_begin_rank, tracer)),
        "predict": watched(tracer, partial(_begin_predict, tracer)),
    }


def _begin_rank(tracer: CallTracer, encoder: Any, arguments: Arguments) -> Watch | None:
    query, documents = arguments.get("query"), arguments.get("documents")
    top_k = arguments.get("top_k")
    asked = (
        Asked(query, documents) if isinstance(query, str) and isinstance(documents, list | tuple) else None
    )
    return _begin(tracer, encoder, "rank", asked, top_k if isinstance(top_k, int) else None)


def _begin_predict(tracer: CallTracer, encoder: Any, arguments: Arguments) -> Watch | None:
    if _labels(encoder) != 1:
        return None  # a classifier: what it gives is no order
    inputs = arguments["sentences"] if "sentences" in arguments else arguments.get("inputs")
    return _begin(tracer, encoder, "predict", asked_pairs(inputs), None, inputs)


def _begin(
    tracer: CallTracer,
    encoder: Any,
    method: str,
    asked: Asked | None,
    top_k: int | None,
    unread: object = None,
) -> Watch | None:
    cover = cover_of(SpanKind.RERANKER, None)
    if cover is not None:
        return CoveredCall(cover, lambda _: _model(encoder))
    call = tracer.begin_call(SpanKind.RERANKER, f"{type(encoder).__name__}.{method}")
    if call.recording:
        with guarded("reading a cross-encoder's arguments"):
            call.add(_model(encoder))
            call.model = model_of(encoder).name
            if top_k is not None:
                call.attributes[semconv.RERANKER_TOP_K] = top_k
            call.add(input_attributes(unread, call.settings) if asked is None else _asked(call, asked))
    return OwnCall(call, partial(_describe, call, asked))


def _labels(encoder: Any) -> Any:
    # Until 4.0 the model's configuration said it alone.
    return getattr(encoder, "num_labels", None) or getattr(getattr(encoder, "config", None), "num_labels", 1)


def _model(encoder: Any) -> Attributes:
    name = model_of(encoder).name
    return {} if name is None else {semconv.RERANKER_MODEL_NAME: name, semconv.GEN_AI_REQUEST_MODEL: name}


def asked_pairs(inputs: Any) -> Asked | None:
    """Return the query and its documents in a pair or a list of pairs; None when there are several queries."""
    if not isinstance(inputs, list | tuple) or not inputs:
        return None
    pairs = [inputs] if isinstance(inputs[0], str) else inputs
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        return None
    query = pairs[0][0]
    if not isinstance(query, str) or any(pair[0] != query for pair in pairs):
        return None
    return Asked(query, [pair[1] for pair in pairs])


def _asked(call: Call, asked: Asked) -> Attributes:
    settings = call.settings
    query = (
        {semconv.RERANKER_QUERY: semconv.REDACTED}
        if settings.hide_inputs
        else text_attribute(semconv.RERANKER_QUERY, asked.query, settings)
    )
    documents = passages.named(call.span, [Document(content=_text(document)) for document in asked.documents])
    return merge_attributes(
        input_attributes(asked.query, settings),
        query,
        document_attributes(semconv.RERANKER_INPUT_DOCUMENTS, documents, settings),
    )


def _describe(call: Call, asked: Asked | None, result: Any) -> Attributes:
    order = ranked(result)
    if order is None:
        return {}
    if asked is None:
        return output_attributes([score for _, score in sorted(order)], call.settings)
    documents = [
        Document(content=_text(asked.documents[place]), score=score)
        for place, score in order
        if place < len(asked.documents)
    ]
    named = passages.named(call.span, documents)
    return document_attributes(semconv.RERANKER_OUTPUT_DOCUMENTS, named, call.settings)


def ranked(result: Any) -> list[tuple[int, float]] | None:
    """Return (place in the input, score), best first, of what ``rank`` or ``predict`` returned.

    None for scores on a graphics card, which to read would stall it, and for what is no score.
    """
    if isinstance(result, list) and result and isinstance(result[0], dict):
        return [(int(found["corpus_id"]), float(found["score"])) for found in result]
    if not isinstance(result, list):
        if not at_hand(result):
            return None
        result = result.tolist() if hasattr(result, "tolist") else result
        result = result if isinstance(result, list) else [result]
    if not all(at_hand(score) for score in result[:1]):
        return None
    scores = [float(score) for score in result]
    return sorted(enumerate(scores), key=lambda found: -found[1])


def _text(document: object) -> str | None:
    return document if isinstance(document, str) else None
