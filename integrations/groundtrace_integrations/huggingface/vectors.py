"""Vectors of texts or of their tokens, and the space that they lie in. Pure."""

from typing import Any

from groundtrace.attributes import Attributes
from groundtrace.embedding import space_attributes, vector_attributes
from groundtrace.settings import TraceSettings
from groundtrace.vectors import is_one_vector
from groundtrace_integrations.watching import Arguments


def remote_space(
    model: str | None, arguments: Arguments, vectors: Any, settings: TraceSettings | None = None
) -> Attributes:
    """Return the space of the inference client's vectors; with ``settings`` their norms and samples, too.

    ``prompt_name`` names a prompt of the model's own, so it is no part of the space.
    """
    attributes: Attributes = {} if settings is None else vector_attributes(vectors, settings)
    normalize = arguments.get("normalize")
    attributes.update(
        space_attributes(
            model=model,
            dimension=dimension_of(vectors),
            normalized=normalize if isinstance(normalize, bool) else None,
        )
    )
    return attributes


def dimension_of(vectors: Any) -> int | None:
    """Return the length of one vector, however deep the lists or arrays around it are.

    >>> dimension_of([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]])
    3
    """
    shape = getattr(vectors, "shape", None)
    if shape is not None:
        return int(shape[-1]) if len(shape) else None
    while isinstance(vectors, list | tuple) and vectors:
        if is_one_vector(vectors):
            return len(vectors)
        vectors = vectors[0]
        if getattr(vectors, "shape", None):
            return dimension_of(vectors)
    return None
