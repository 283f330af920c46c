"""Encoders: LangChain gives them no callbacks, so their methods are wrapped, class by class."""

import functools
import time
from collections.abc import Sequence
from typing import Any

from groundtrace import semconv
from groundtrace.attributes import Attributes
from groundtrace.embedding import space_attributes, speed_attributes, text_attributes, vector_attributes
from groundtrace.semconv import SpanKind
from groundtrace_integrations.identity import model_name, model_version, whole
from groundtrace_integrations.langchain.runs import Run, current_run
from groundtrace_integrations.langchain.steps import argument, step
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Wrap

# LangChain's own encoders call it so; OpenAI's counts texts a request by chunk_size.
_BATCH_KEYS = ("batch_size", "chunk_size")


def embedding_wraps(tracer: RunTracer) -> dict[str, Wrap]:
    """Wraps for the methods of an Embeddings class."""
    one = step(tracer, functools.partial(_begin_query, tracer), _describe)
    many = step(tracer, functools.partial(_begin_documents, tracer), _describe)
    return {"embed_query": one, "aembed_query": one, "embed_documents": many, "aembed_documents": many}


def _begin_query(
    tracer: RunTracer,
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Run | None:
    text = argument(args, kwargs, 0, "text", "query")
    return _begin(tracer, instance, [text] if isinstance(text, str) else [])


def _begin_documents(
    tracer: RunTracer,
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Run | None:
    texts = argument(args, kwargs, 0, "texts", "documents")
    around = current_run()
    run = _begin(tracer, instance, texts if isinstance(texts, list | tuple) else [])
    if run is not None and (around is None or not around.within(SpanKind.RETRIEVER)):
        run.attributes[semconv.INDEXING] = True
    return run


def _begin(tracer: RunTracer, instance: object, texts: Sequence[Any]) -> Run | None:
    around = current_run()
    if around is not None and around.kind is SpanKind.EMBEDDING:
        # A super() call, one text of several, or the encoder below a cache: one step, one span.
        _name_model(around, instance)
        return None
    run = tracer.begin_step(SpanKind.EMBEDDING, instance, around)
    if run is not None and run.recording:
        _name_model(run, instance)
        run.add(text_attributes(texts, run.settings))
        run.instance = instance
    return run


def _name_model(run: Run, instance: object) -> None:
    if semconv.EMBEDDING_MODEL_NAME in run.attributes:
        return
    name = model_name(instance)
    if name is None:
        return
    run.attributes[semconv.EMBEDDING_MODEL_NAME] = run.attributes[semconv.GEN_AI_REQUEST_MODEL] = name
    version = model_version(instance)
    if version is not None:
        run.attributes[semconv.EMBEDDING_MODEL_VERSION] = version


def _describe(run: Run, vectors: Any) -> Attributes:
    """Say what came out, and how fast."""
    duration_ns = time.time_ns() - run.started_ns
    known = run.attributes
    attributes = vector_attributes(vectors, run.settings)
    dimension = attributes.get(semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT)
    if semconv.EMBEDDING_FINGERPRINT not in known:  # else the library below has told, which knows its prompts
        attributes.update(
            space_attributes(
                model=run.model,
                version=_text(known.get(semconv.EMBEDDING_MODEL_VERSION)),
                dimension=dimension if isinstance(dimension, int) else None,
            )
        )
    count = known.get(semconv.EMBEDDING_TEXT_COUNT)
    attributes.update(
        speed_attributes(
            text_count=count if isinstance(count, int) else 0,
            duration_ns=duration_ns,
            batch_size=whole(run.instance, *_BATCH_KEYS),
        )
    )
    return attributes


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
