"""Which requests of OpenAI's client are calls of a model."""

from collections.abc import Mapping
from typing import Any, Final

from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace_integrations.stainless.operations import Operation, Request, posted

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


def request_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Request | None:
    """Return the model call in the arguments of ``request(cast_to, options, …)``; None for others."""
    asked = posted(args, kwargs)
    if asked is None or asked[0] not in _BY_PATH:
        return None
    return Request(operation=_BY_PATH[asked[0]], body=asked[1])
