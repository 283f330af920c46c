"""How Anthropic's API says things, for what wraps its client."""

from collections.abc import Mapping
from typing import Any, Final

from groundtrace.attributes import Attributes, merge_attributes
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace_integrations.anthropic.answering import answer_attributes
from groundtrace_integrations.anthropic.asking import given, provider_attributes, request_attributes
from groundtrace_integrations.anthropic.gathering import GatheredMessage
from groundtrace_integrations.calls import Call
from groundtrace_integrations.covering import Cover
from groundtrace_integrations.stainless.operations import Operation, Request, options_of, posted
from groundtrace_integrations.stainless.reading import Gathering

_PATH: Final = "/v1/messages"
# Headers by which the client tells its server which helper asks: its versions spell them differently.
_HELPERS: Final = frozenset({"x-stainless-helper-method", "x-stainless-stream-helper"})


def _operation(name: str) -> Operation:
    return Operation(name=name, kind=SpanKind.LLM, genai=GenAIOperation.CHAT)


_OPERATIONS: Final[Mapping[str, Operation]] = {
    name: _operation(name)
    for name in ("messages.create", "messages.stream", "beta.messages.create", "beta.messages.stream")
}


class AnthropicDialect:
    """Messages, and beta messages."""

    def request_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
        """Return the model call in the arguments of the client's ``request``; None for others."""
        asked = posted(args, kwargs)
        if asked is None:
            return None
        path, _, query = asked[0].partition("?")
        if path != _PATH:
            return None
        name = _name(options_of(args, kwargs), query)
        return Request(operation=_OPERATIONS[name], body=given(asked[1]))

    def ask(self, call: Call, client: object, request: Request) -> Attributes:
        """Return provider, model, messages, tools and parameters."""
        asked = request_attributes(request, call.settings, outermost=call.outermost)
        return merge_attributes(provider_attributes(client), asked)

    def answer(self, call: Call, request: Request, answer: object) -> Attributes:  # noqa: ARG002
        """Return message, stop reason and token counts."""
        return answer_attributes(answer, call.settings, outermost=call.outermost)

    def gathering(self, request: Request) -> Gathering:  # noqa: ARG002
        """Return what puts a stream's events together."""
        return GatheredMessage()

    def failure(self, answer: object) -> tuple[str, str] | None:  # noqa: ARG002
        """Return None: every error of this API is an exception."""
        return None

    def enrich(self, cover: Cover, request: Request, answer: object) -> None:
        """Tell nothing: frameworks read a model's answer themselves."""


def _name(options: object, query: str) -> str:
    """Return the span's name, as OpenInference names it after the method that the app called."""
    asked = {**_mapping(options, "params"), **_mapping(options, "qualifiers")}
    beta = "beta." if "beta" in query or "beta" in asked else ""
    method = "stream" if _streams_by_helper(_mapping(options, "headers")) else "create"
    return f"{beta}messages.{method}"


def _mapping(options: object, name: str) -> Mapping[str, Any]:
    value = getattr(options, name, None)
    return value if isinstance(value, Mapping) else {}


def _streams_by_helper(headers: Mapping[str, Any]) -> bool:
    told = {key.lower(): str(value) for key, value in headers.items() if key.lower() in _HELPERS}
    return told.get("x-stainless-helper-method") == "stream" or "x-stainless-stream-helper" in told
