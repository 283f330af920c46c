"""What every encoder's span carries, whichever library made it: texts, space, vectors, speed.

Four functions, each for what is known at one moment: ``text_attributes`` before the call;
``space_attributes``, ``vector_attributes`` and ``speed_attributes`` after it. Join what they return
with ``merge_attributes``.
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes, input_attributes
from groundtrace.fingerprint import embedding_fingerprint
from groundtrace.settings import TraceSettings
from groundtrace.text import safe_text
from groundtrace.vectors import at_hand, evenly, floats, is_one_vector, norm, vector_shape

# A batch of a whole corpus is no question to look at: its first texts tell what it is.
MAX_TEXTS: Final = 32
# Enough to see a drift of the norms; each costs about 10 microseconds.
MAX_NORMS: Final = 64
MAX_VECTORS: Final = 32
"""Most vectors on one span, however large the sampled share."""


def text_attributes(texts: Sequence[object], settings: TraceSettings) -> Attributes:
    """How many texts, the first 32 of them (together no longer than one attribute may be), and a lone one as input."""
    attributes: Attributes = {semconv.EMBEDDING_TEXT_COUNT: len(texts)}
    if not settings.texts or settings.hide_inputs:
        return attributes
    hidden = settings.hide_embeddings_text
    cut: list[str] = []
    if len(texts) == 1 and not hidden:
        shown = input_attributes(str(texts[0]), settings)
        cut.extend(shown.pop(semconv.TRUNCATED, ()))  # type: ignore[arg-type] # a tuple of keys
        attributes.update(shown)
    room = settings.max_attribute_chars
    for index, text in enumerate(texts):
        if room <= 0 or index >= MAX_TEXTS:
            cut.append(semconv.EMBEDDING_EMBEDDINGS)
            break
        key = f"{semconv.EMBEDDING_EMBEDDINGS}.{index}.{semconv.EMBEDDING_TEXT}"
        value = semconv.REDACTED if hidden else safe_text(str(text), key, settings, cut)
        attributes[key] = value
        room -= len(value)
    if cut:
        attributes[semconv.TRUNCATED] = tuple(cut)
    return attributes


def space_attributes(
    *,
    model: str | None,
    version: str | None = None,
    dimension: int | None = None,
    normalized: bool | None = None,
    prefix: str | None = None,
    quantization: str | None = None,
) -> Attributes:
    """Model, version and dimension, and the fingerprint of the space that the vectors lie in.

    Without a model there is no fingerprint: nothing tells two spaces of one dimension apart.
    """
    attributes: Attributes = {}
    if dimension is not None:
        attributes[semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] = dimension
    if model is None:
        return attributes
    attributes[semconv.EMBEDDING_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = model
    if version is not None:
        attributes[semconv.EMBEDDING_MODEL_VERSION] = version
    attributes[semconv.EMBEDDING_FINGERPRINT] = _fingerprint(
        model, version, dimension, normalized, prefix, quantization
    )
    return attributes


@lru_cache(maxsize=256)
def _fingerprint(
    model: str,
    version: str | None,
    dimension: int | None,
    normalized: bool | None,  # noqa: FBT001 - positions make the cache's key
    prefix: str | None,
    quantization: str | None,
) -> str:
    return embedding_fingerprint(
        model=model,
        version=version,
        dimension=dimension,
        normalized=normalized,
        prefix=prefix,
        quantization=quantization,
    )


def vector_attributes(vectors: object, settings: TraceSettings) -> Attributes:
    """Dimension, norms, and the sampled share of the vectors themselves.

    ``vectors`` is whatever the encoder returned: one vector or several, as lists, arrays or tensors.
    Norms are mean, least and largest of up to 64 vectors, evenly spaced; vectors on a graphics
    card have none, since reading them would stall it. Each vector is kept with the probability
    ``vector_share``, at most 32 a span, under OpenInference's ``embedding.embeddings.<i>.embedding.vector``.
    """
    shape = vector_shape(vectors)
    if shape is None:
        return {}
    count, dimension = shape
    attributes: Attributes = {semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT: dimension}
    rows: Any = [vectors] if is_one_vector(vectors) else vectors
    try:
        if count and at_hand(vectors):
            attributes.update(_norms([norm(rows[index]) for index in evenly(count, MAX_NORMS)]))
        if settings.vector_share > 0:
            for index in _sampled(count, settings.vector_share):
                key = f"{semconv.EMBEDDING_EMBEDDINGS}.{index}.{semconv.EMBEDDING_VECTOR}"
                attributes[key] = floats(rows[index])
    except (TypeError, ValueError):
        # The first vector was one, another is not: what is known so far stands.
        return attributes
    return attributes


def _norms(norms: Sequence[float]) -> Attributes:
    return {
        semconv.EMBEDDING_NORM_MEAN: sum(norms) / len(norms),
        semconv.EMBEDDING_NORM_MIN: min(norms),
        semconv.EMBEDDING_NORM_MAX: max(norms),
    }


def _sampled(count: int, share: float) -> list[int]:
    # Python seeds this generator anew in a forked child, so that workers draw differently.
    chosen = [index for index in range(count) if random.random() < share]  # noqa: S311 - no secret
    return chosen if len(chosen) <= MAX_VECTORS else sorted(random.sample(chosen, MAX_VECTORS))


def speed_attributes(*, text_count: int, duration_ns: int, batch_size: int | None = None) -> Attributes:
    """Texts per second of one call, and how many of its texts went through the encoder at a time.

    >>> speed_attributes(text_count=10, duration_ns=2_000_000_000)
    {'embedding.texts_per_second': 5.0}
    """
    attributes: Attributes = {}
    if text_count and duration_ns > 0:
        attributes[semconv.EMBEDDING_TEXTS_PER_SECOND] = text_count * 1e9 / duration_ns
    if batch_size is not None:
        attributes[semconv.EMBEDDING_BATCH_SIZE] = batch_size
    return attributes
