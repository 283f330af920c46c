"""By what a collection encodes, where the app leaves that to it."""

from typing import Any, Final

from groundtrace.guard import guarded
from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.identity import model_name, model_version
from groundtrace_integrations.store_encoding import StoreEncoder, begin_encoding
from groundtrace_integrations.watching import Arguments, Watch

_DEFAULT: Final = "DefaultEmbeddingFunction"
# What Chroma's default function runs; it says so nowhere, and to ask its model would load it.
_DEFAULT_MODEL: Final = "all-MiniLM-L6-v2"


def begin_embedding(tracer: CallTracer, collection: Any, arguments: Arguments) -> Watch | None:
    """Begin the span of ``Collection._embed``, through which all that Chroma itself encodes goes."""
    return begin_encoding(tracer, _encoder(_function(collection)), arguments.get("input"))


def _function(collection: Any) -> Any:
    """Return what encodes: a stored collection's own function stands before the default."""
    given = getattr(collection, "_embedding_function", None)
    if given is not None and type(given).__name__ != _DEFAULT:
        return given
    stored = None
    with guarded("asking a collection for its embedding function"):
        stored = (getattr(collection, "configuration", None) or {}).get("embedding_function")
    return stored or given


def _encoder(function: Any) -> StoreEncoder:
    name = type(function).__name__
    model = _DEFAULT_MODEL if name == _DEFAULT else model_name(function)
    return StoreEncoder(name=name, model=model, version=model_version(function))
