"""What Qdrant's client encodes by fastembed: queries and points that are given as text."""

from typing import Any

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.store_encoding import StoreEncoder, begin_encoding
from groundtrace_integrations.watching import Arguments, Watch


def begin_embedding(tracer: CallTracer, embedder: Any, arguments: Arguments) -> Watch | None:
    """Begin the span of ``Embedder.embed``, through which every model of fastembed's is called."""
    model = arguments.get("model_name")
    encoder = StoreEncoder(
        name=f"{type(embedder).__name__}.embed", model=model if isinstance(model, str) else None
    )
    texts = arguments.get("texts")
    return begin_encoding(tracer, encoder, arguments.get("images") if texts is None else texts)
