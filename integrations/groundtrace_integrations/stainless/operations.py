"""Which requests of a client are calls of a model, and what they ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from groundtrace.semconv import GenAIOperation, SpanKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of call; ``name`` is the span's, as OpenInference names it."""

    name: str
    kind: SpanKind
    genai: GenAIOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the app asks: the operation and the JSON body, as the app gave it."""

    operation: Operation
    body: Mapping[str, Any]

    @property
    def model(self) -> str | None:
        """The model asked for."""
        model = self.body.get("model")
        return model if isinstance(model, str) else None


def options_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the options in the arguments of ``request(cast_to, options, …)``."""
    return kwargs["options"] if "options" in kwargs else (args[1] if len(args) > 1 else None)


def posted(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return path and JSON body of a request that posts JSON; None for others."""
    options = options_of(args, kwargs)
    path, body = getattr(options, "url", None), getattr(options, "json_data", None)
    if getattr(options, "method", "").lower() != "post" or not isinstance(body, Mapping):
        return None
    return (path, body) if isinstance(path, str) else None
