"""How OpenAI's API says things, for what wraps its client."""

from typing import Any

from groundtrace.attributes import Attributes, merge_attributes
from groundtrace.embedding import speed_attributes
from groundtrace.semconv import EMBEDDING_TEXT_COUNT
from groundtrace_integrations.calls import Call
from groundtrace_integrations.covering import Cover
from groundtrace_integrations.fields import field, text
from groundtrace_integrations.openai.answering import answer_attributes, usage_attributes
from groundtrace_integrations.openai.asking import request_attributes
from groundtrace_integrations.openai.gathering import gathering_of
from groundtrace_integrations.openai.operations import EMBEDDINGS, request_of
from groundtrace_integrations.openai.providers import provider_attributes
from groundtrace_integrations.stainless.operations import Request
from groundtrace_integrations.stainless.reading import Gathering


class OpenAIDialect:
    """Chat completions, responses, completions and embeddings."""

    def request_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
        """Return the model call in the arguments of the client's ``request``; None for others."""
        return request_of(args, kwargs)

    def ask(self, call: Call, client: object, request: Request) -> Attributes:
        """Return provider, model, messages or texts, and parameters."""
        asked = request_attributes(request, call.settings, outermost=call.outermost)
        return merge_attributes(provider_attributes(client), asked)

    def answer(self, call: Call, request: Request, answer: object) -> Attributes:
        """Return messages, finish reason, token counts; of an encoder its space and speed."""
        duration_ns = call.duration_ns
        attributes = answer_attributes(request, answer, call.settings, outermost=call.outermost)
        count = call.attributes.get(EMBEDDING_TEXT_COUNT)
        if isinstance(count, int):
            attributes.update(speed_attributes(text_count=count, duration_ns=duration_ns))
        return attributes

    def gathering(self, request: Request) -> Gathering:
        """Return what puts a stream's chunks together."""
        return gathering_of(request.operation)

    def failure(self, answer: object) -> tuple[str, str] | None:
        """Return reason and type of a response that failed without an exception."""
        if text(answer, "status") != "failed":
            return None
        error = field(answer, "error")
        code = text(error, "code") or "failed"
        return f"{code}: {text(error, 'message') or 'the response failed'}", code

    def enrich(self, cover: Cover, request: Request, answer: object) -> None:
        """Tell an encoder's token counts: frameworks read a model's answer, of an encoder's only the vectors."""
        if request.operation is EMBEDDINGS:
            cover.enrich(usage_attributes(field(answer, "usage")))
