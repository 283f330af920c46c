"""What a collection encodes by its own embedding function, told as EMBEDDING spans."""

from functools import partial
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes, merge_attributes
from groundtrace.embedding import space_attributes, speed_attributes, text_attributes, vector_attributes
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.vectors import vector_shape
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of, current_cover
from groundtrace_integrations.identity import model_name, model_version
from groundtrace_integrations.watching import Arguments, OwnCall, Watch

_DEFAULT: Final = "DefaultEmbeddingFunction"
# What Chroma's default function runs; it says so nowhere, and to ask its model would load it.
_DEFAULT_MODEL: Final = "all-MiniLM-L6-v2"


def begin_embedding(tracer: CallTracer, collection: Any, arguments: Arguments) -> Watch | None:
    """Begin the span of ``Collection._embed``, through which all that Chroma itself encodes goes."""
    if cover_of(SpanKind.EMBEDDING, None) is not None:
        return None
    around = current_cover()
    function = _function(collection)
    call = tracer.begin_call(SpanKind.EMBEDDING, type(function).__name__, GenAIOperation.EMBEDDINGS.value)
    if call.recording:
        with guarded("reading what a collection encodes"):
            call.model = _model(function)
            call.add(_input_attributes(call, arguments.get("input")))
            if around is None or around.kind is not SpanKind.RETRIEVER:
                call.attributes[semconv.INDEXING] = True
    return OwnCall(call, partial(_describe, call, function))


def _function(collection: Any) -> Any:
    """Return what encodes: a stored collection's own function stands before the default."""
    given = getattr(collection, "_embedding_function", None)
    if given is not None and type(given).__name__ != _DEFAULT:
        return given
    stored = None
    with guarded("asking a collection for its embedding function"):
        stored = (getattr(collection, "configuration", None) or {}).get("embedding_function")
    return stored or given


def _model(function: Any) -> str | None:
    return _DEFAULT_MODEL if type(function).__name__ == _DEFAULT else model_name(function)


def _input_attributes(call: Call, given: Any) -> Attributes:
    inputs = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    if all(isinstance(text, str) for text in inputs):
        return text_attributes(inputs, call.settings)
    return {semconv.EMBEDDING_TEXT_COUNT: len(inputs)}  # images


def _describe(call: Call, function: Any, vectors: Any) -> Attributes:
    """Say what came out and how fast; what the model's own client has told already stays."""
    duration_ns = call.duration_ns
    shape = vector_shape(vectors)
    space = space_attributes(
        model=call.model,
        version=model_version(function),
        dimension=None if shape is None else shape[1],
    )
    count = call.attributes.get(semconv.EMBEDDING_TEXT_COUNT)
    return merge_attributes(
        {key: value for key, value in space.items() if key not in call.attributes},
        vector_attributes(vectors, call.settings),
        speed_attributes(text_count=count if isinstance(count, int) else 0, duration_ns=duration_ns),
    )
