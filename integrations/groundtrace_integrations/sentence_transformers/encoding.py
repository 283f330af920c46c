"""Encoders: ``encode`` and what calls it, told as one EMBEDDING span."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes, json_attribute, merge_attributes
from groundtrace.embedding import speed_attributes, text_attributes, vector_attributes
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.settings import TraceSettings
from groundtrace.vectors import vector_shape
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of
from groundtrace_integrations.patches import Wrap
from groundtrace_integrations.sentence_transformers.identity import encoder_space, model_of
from groundtrace_integrations.watching import Arguments, CoveredCall, OwnCall, Watch, watched

_METHODS: Final = ("encode", "encode_query", "encode_document", "encode_multi_process")
# Whole corpora go through these; a question does not.
_INDEXING: Final = frozenset({"encode_document", "encode_multi_process"})
_PASSAGE_PROMPTS: Final = frozenset({"document", "passage", "corpus"})
_PARAMETERS: Final = (
    "prompt_name",
    "prompt",
    "task",
    "batch_size",
    "normalize_embeddings",
    "precision",
    "truncate_dim",
    "output_value",
    "chunk_size",
)


def encoder_wraps(tracer: CallTracer) -> dict[str, Wrap]:
    """Wraps for the methods of an encoder class."""
    return {name: watched(tracer, partial(_begin, tracer, name)) for name in _METHODS}


def _begin(tracer: CallTracer, method: str, encoder: Any, arguments: Arguments) -> Watch | None:
    # Whatever the framework around calls the model: an encoder inside of an encoder's step is that step.
    cover = cover_of(SpanKind.EMBEDDING, None)
    if cover is not None:
        describe = partial(_space, encoder, arguments, tracer.settings)
        return CoveredCall(cover, describe) if method == "encode" else None
    name = f"{type(encoder).__name__}.{method}"
    call = tracer.begin_call(SpanKind.EMBEDDING, name, GenAIOperation.EMBEDDINGS.value)
    if call.recording:
        with guarded("reading an encoder's arguments"):
            call.model = model_of(encoder).name
            call.add(text_attributes(texts_of(_inputs(arguments)), call.settings))
            if _is_indexing(method, arguments):
                call.attributes[semconv.INDEXING] = True
    return OwnCall(call, partial(_describe, call, encoder, arguments))


def _inputs(arguments: Arguments) -> Any:
    return arguments["sentences"] if "sentences" in arguments else arguments.get("inputs")


def texts_of(inputs: Any) -> Sequence[Any]:
    """Return what is to be encoded, one item each; an iterator is left alone, since the encoder needs it."""
    if isinstance(inputs, str | Mapping):
        return [inputs]
    if isinstance(inputs, list | tuple) or getattr(inputs, "shape", None):
        return inputs  # type: ignore[no-any-return] # an array of texts has a length and places, too
    if isinstance(inputs, Iterator) or inputs is None:
        return []
    return list(inputs) if isinstance(inputs, Collection) else [inputs]


def _is_indexing(method: str, arguments: Arguments) -> bool:
    if method in _INDEXING or arguments.get("task") == "document":
        return True
    return arguments.get("prompt_name") in _PASSAGE_PROMPTS


def _describe(call: Call, encoder: Any, arguments: Arguments, vectors: Any) -> Attributes:
    """Say what came out and how fast; what the ``encode`` inside has told already stays."""
    duration_ns = call.duration_ns
    count = call.attributes.get(semconv.EMBEDDING_TEXT_COUNT)
    space = _space(encoder, arguments, call.settings, vectors)
    return merge_attributes(
        {key: value for key, value in space.items() if key not in call.attributes},
        vector_attributes(vectors, call.settings),
        speed_attributes(text_count=count if isinstance(count, int) else 0, duration_ns=duration_ns),
    )


def _space(encoder: Any, arguments: Arguments, settings: TraceSettings, vectors: Any) -> Attributes:
    shape = vector_shape(vectors)
    batch_size = arguments.get("batch_size")
    parameters = {name: arguments[name] for name in _PARAMETERS if arguments.get(name) is not None}
    return merge_attributes(
        encoder_space(encoder, arguments, None if shape is None else shape[1]),
        json_attribute(semconv.EMBEDDING_INVOCATION_PARAMETERS, parameters, settings),
        speed_attributes(
            text_count=0, duration_ns=0, batch_size=batch_size if isinstance(batch_size, int) else None
        ),
    )
