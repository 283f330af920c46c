"""Encoders: LangChain gives them no callbacks, so their methods are wrapped, class by class."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes, input_attributes
from groundtrace.fingerprint import embedding_fingerprint
from groundtrace.semconv import SpanKind
from groundtrace.settings import TraceSettings
from groundtrace.text import safe_text
from groundtrace_integrations.langchain.identity import model_name, model_version
from groundtrace_integrations.langchain.runs import Run, current_run
from groundtrace_integrations.langchain.steps import argument, step
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Wrap

# A batch of a whole corpus is no question to look at: its first texts tell what it is.
_MAX_TEXTS: Final = 32


def embedding_wraps(tracer: RunTracer) -> dict[str, Wrap]:
    """Wraps for the methods of an Embeddings class."""
    one = step(tracer, lambda *call: _begin_query(tracer, *call), _one)
    many = step(tracer, lambda *call: _begin_documents(tracer, *call), _many)
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
    if run.span.is_recording():
        _name_model(run, instance)
        run.add(_text_attributes(texts, tracer.settings))
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


def _text_attributes(texts: Sequence[Any], settings: TraceSettings) -> Attributes:
    """Number of the texts and the first of them, together no longer than one attribute may be."""
    attributes: Attributes = {semconv.EMBEDDING_TEXT_COUNT: len(texts)}
    if not settings.texts or settings.hide_inputs:
        return attributes
    if len(texts) == 1 and not settings.hide_embeddings_text:
        attributes.update(input_attributes(str(texts[0]), settings))
    cut: list[str] = []
    room = settings.max_attribute_chars
    for index, text in enumerate(texts):
        if room <= 0 or index >= _MAX_TEXTS:
            cut.append(semconv.EMBEDDING_EMBEDDINGS)
            break
        key = f"{semconv.EMBEDDING_EMBEDDINGS}.{index}.{semconv.EMBEDDING_TEXT}"
        shown = (
            semconv.REDACTED if settings.hide_embeddings_text else safe_text(str(text), key, settings, cut)
        )
        attributes[key] = shown
        room -= len(shown)
    if cut:
        attributes[semconv.TRUNCATED] = tuple(cut)
    return attributes


def _one(run: Run, vector: Any) -> Attributes:
    return _space(run, len(vector))


def _many(run: Run, vectors: Any) -> Attributes:
    return _space(run, len(vectors[0]) if len(vectors) else None)


def _space(run: Run, dimension: int | None) -> Attributes:
    """Dimension and fingerprint of the space that the vectors lie in."""
    attributes: Attributes = {}
    if dimension is not None:
        attributes[semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] = dimension
    model = run.attributes.get(semconv.EMBEDDING_MODEL_NAME)
    if isinstance(model, str):
        version = run.attributes.get(semconv.EMBEDDING_MODEL_VERSION)
        attributes[semconv.EMBEDDING_FINGERPRINT] = _fingerprint(
            model, version if isinstance(version, str) else None, dimension
        )
    return attributes


@lru_cache(maxsize=256)
def _fingerprint(model: str, version: str | None, dimension: int | None) -> str:
    return embedding_fingerprint(model=model, version=version, dimension=dimension)
