"""Which requests of OpenAI's client are calls of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from groundtrace.semconv import GenAIOperation, SpanKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of call; ``name`` is the span's, as OpenInference names it."""

    name: str
    kind: SpanKind
    genai: GenAIOperation


CHAT: Final = Operation(name="ChatCompletion", kind=SpanKind.LLM, genai=GenAIOperation.CHAT)
RESPONSES: Final = Operation(name="Response", kind=SpanKind.LLM, genai=GenAIOperation.CHAT)
COMPLETIONS: Final = Operation(name="Completion", kind=SpanKind.LLM, genai=GenAIOperation.TEXT_COMPLETION)
EMBEDDINGS: Final = Operation(
    name="CreateEmbeddings", kind=SpanKind.EMBEDDING, genai=GenAIOperation.EMBEDDINGS
)

_BY_PATH: Final[Mapping[str, Operation]] = {
    "/chat/completions": CHAT,
    "/responses": RESPONSES,
    "/completions": COMPLETIONS,
    "/embeddings": EMBEDDINGS,
}


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


def request_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Request | None:
    """Return the model call in the arguments of ``request(cast_to, options, …)``; None for others."""
    options = kwargs["options"] if "options" in kwargs else (args[1] if len(args) > 1 else None)
    path, body = getattr(options, "url", None), getattr(options, "json_data", None)
    if getattr(options, "method", "").lower() != "post" or not isinstance(body, Mapping):
        return None
    operation = _BY_PATH.get(path) if isinstance(path, str) else None
    return None if operation is None else Request(operation=operation, body=body)
