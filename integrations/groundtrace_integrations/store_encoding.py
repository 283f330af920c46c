"""What a vector store encodes by itself, for a query or to be stored, told as EMBEDDING spans."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from groundtrace import semconv
from groundtrace.attributes import Attributes, merge_attributes
from groundtrace.embedding import space_attributes, speed_attributes, text_attributes, vector_attributes
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.vectors import vector_shape
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of, current_cover
from groundtrace_integrations.watching import OwnCall, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEncoder:
    """Who encodes: the name for the span, and the model where it is known."""

    name: str
    model: str | None
    version: str | None = None


def begin_encoding(tracer: CallTracer, encoder: StoreEncoder, inputs: Any) -> Watch | None:
    """Begin the span of one encoding; outside of a search it is for the index."""
    if cover_of(SpanKind.EMBEDDING, None) is not None:
        return None
    around = current_cover()
    call = tracer.begin_call(SpanKind.EMBEDDING, encoder.name, GenAIOperation.EMBEDDINGS.value)
    if call.recording:
        with guarded("reading what a store encodes"):
            call.model = encoder.model
            call.add(_input_attributes(call, _listed(inputs)))
            if around is None or around.kind is not SpanKind.RETRIEVER:
                call.attributes[semconv.INDEXING] = True
    return OwnCall(call, partial(_describe, call, encoder))


def _listed(inputs: Any) -> Sequence[Any]:
    if isinstance(inputs, str):
        return [inputs]
    return inputs if isinstance(inputs, list | tuple) else []


def _input_attributes(call: Call, inputs: Sequence[Any]) -> Attributes:
    if all(isinstance(text, str) for text in inputs):
        return text_attributes(inputs, call.settings)
    return {semconv.EMBEDDING_TEXT_COUNT: len(inputs)}  # images


def _describe(call: Call, encoder: StoreEncoder, vectors: Any) -> Attributes:
    """Say what came out and how fast; what the model's own client has told already stays."""
    duration_ns = call.duration_ns
    shape = vector_shape(vectors)
    space = space_attributes(
        model=encoder.model, version=encoder.version, dimension=None if shape is None else shape[1]
    )
    count = call.attributes.get(semconv.EMBEDDING_TEXT_COUNT)
    return merge_attributes(
        {key: value for key, value in space.items() if key not in call.attributes},
        vector_attributes(vectors, call.settings),
        speed_attributes(text_count=count if isinstance(count, int) else 0, duration_ns=duration_ns),
    )
