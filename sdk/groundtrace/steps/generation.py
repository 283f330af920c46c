"""The model step: messages in, an answer and its token counts out."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    merge_attributes,
    message_attributes,
    output_attributes,
    safe_json,
    token_attributes,
)
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.steps.recognise import find_query
from groundtrace.steps.replies import find_messages, find_reply
from groundtrace.steps.step import Step

P = ParamSpec("P")
R = TypeVar("R")

Message = Mapping[str, Any]


class LLMStep(Step):
    """A model call while it runs."""

    kind = SpanKind.LLM
    operation = GenAIOperation.CHAT

    def __init__(
        self,
        name: str | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        messages: Sequence[Message] | None = None,
        prompt: str | None = None,
        invocation_parameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            name,
            {
                semconv.LLM_MODEL_NAME: model,
                semconv.GEN_AI_REQUEST_MODEL: model,
                semconv.LLM_PROVIDER: provider,
                semconv.GEN_AI_PROVIDER_NAME: provider,
            },
        )
        self._messages = messages
        self._prompt = prompt
        self._parameters = invocation_parameters
        self._began = 0.0
        self._chunks: list[str] = []
        self._chars = 0
        self._first_token_seen = False

    @guarded("setting a prompt")
    def set_prompt(self, prompt: str) -> None:
        """Record a plain prompt; it is kept as one user message."""
        self.set_messages([{"role": "user", "content": prompt}])

    @guarded("setting messages")
    def set_messages(self, messages: Sequence[Message]) -> None:
        """Record the chat so far: ``role``, ``content``, ``tool_calls`` …, in OpenAI's shape."""
        if not self._span.is_recording():
            return
        self._put(message_attributes(semconv.LLM_INPUT_MESSAGES, messages, self._settings))
        asked = next((m.get("content") for m in reversed(messages) if m.get("role") == "user"), None)
        if isinstance(asked, str):
            self.set_input(asked)

    @guarded("setting a model's output")
    def set_output(self, value: object) -> None:
        """Record the answer: a text, a message, or a client's reply, from which tokens are read, too."""
        if not self._span.is_recording():
            return
        if isinstance(value, Mapping) and "role" in value:
            content = value.get("content")
            self._put_answer(content if isinstance(content, str) else None, value)
            return
        reply = find_reply(value)
        if reply is None:
            if not hasattr(value, "__next__") and not hasattr(value, "__anext__"):
                self._put(output_attributes(value, self._settings))
            return
        message = {"role": "assistant", "content": reply.text, "tool_calls": reply.tool_calls}
        self._put_answer(reply.text, message)
        self._put(token_attributes(**reply.tokens))
        self._put(_response_attributes(reply.model, reply.finish_reason))

    def _put_answer(self, text: str | None, message: Message) -> None:
        self._put(
            merge_attributes(
                output_attributes(text, self._settings),
                message_attributes(semconv.LLM_OUTPUT_MESSAGES, [message], self._settings),
            )
        )

    @guarded("setting token counts")
    def set_tokens(
        self,
        *,
        prompt: int | None = None,
        completion: int | None = None,
        total: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        """Record the provider's counts; ``prompt`` includes cached tokens, ``completion`` reasoning."""
        if self._span.is_recording():
            self._put(
                token_attributes(
                    prompt=prompt,
                    completion=completion,
                    total=total,
                    cache_read=cache_read,
                    cache_write=cache_write,
                    reasoning=reasoning,
                )
            )

    @guarded("setting a model")
    def set_model(self, model: str, *, provider: str | None = None) -> None:
        """Record which model answers."""
        if self._span.is_recording():
            attributes: Attributes = {semconv.LLM_MODEL_NAME: model, semconv.GEN_AI_REQUEST_MODEL: model}
            if provider is not None:
                attributes |= {semconv.LLM_PROVIDER: provider, semconv.GEN_AI_PROVIDER_NAME: provider}
            self._put(attributes)

    @guarded("marking the first token")
    def mark_first_token(self) -> None:
        """Mark the moment of a stream's first token; later calls change nothing."""
        if self._first_token_seen or not self._span.is_recording():
            return
        self._first_token_seen = True
        self._span.add_event(semconv.FIRST_TOKEN_EVENT)
        waited_s = time.perf_counter() - self._began
        self._put(
            {semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: waited_s, semconv.GEN_AI_REQUEST_STREAM: True}
        )

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._chunks, self._chars, self._first_token_seen = [], 0, False

    def _given_attributes(self) -> Attributes:
        if self._prompt is not None:
            self.set_prompt(self._prompt)
        if self._messages is not None:
            self.set_messages(self._messages)
        if self._parameters is None or self._settings.hide_llm_invocation_parameters:
            return {}
        cut: list[str] = []
        key = semconv.LLM_INVOCATION_PARAMETERS
        return {key: safe_json(self._parameters, key, self._settings, cut)}

    def _last_attributes(self) -> Attributes:
        if not self._chunks:
            return {}
        text = "".join(self._chunks)
        return merge_attributes(
            output_attributes(text, self._settings),
            message_attributes(
                semconv.LLM_OUTPUT_MESSAGES, [{"role": "assistant", "content": text}], self._settings
            ),
        )

    def _read_arguments(self, arguments: Mapping[str, object]) -> None:
        for value in arguments.values():
            messages = find_messages(value)
            if messages is not None:
                self.set_messages(messages)
                return
        prompt = find_query(arguments)
        if prompt is not None:
            self.set_prompt(prompt)
        else:
            super()._read_arguments(arguments)

    def _read_item(self, item: object) -> None:
        reply = find_reply(item)
        if reply is None:
            return
        if reply.text:
            self.mark_first_token()
            # One more than is kept, so that the cut is seen and marked.
            if self._chars <= self._settings.max_attribute_chars:
                self._chunks.append(reply.text)
                self._chars += len(reply.text)
        if reply.tokens:
            self._put(token_attributes(**reply.tokens))
        self._put(_response_attributes(reply.model, reply.finish_reason))


def _response_attributes(model: str | None, finish_reason: str | None) -> Attributes:
    attributes: Attributes = {}
    if model:
        attributes[semconv.GEN_AI_RESPONSE_MODEL] = str(model)
    if finish_reason:
        attributes[semconv.LLM_FINISH_REASON] = str(finish_reason)
        attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = (str(finish_reason),)
    return attributes


@overload
def llm(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def llm(
    name: str | None = None,
    *,
    model: str | None = None,
    provider: str | None = None,
    messages: Sequence[Message] | None = None,
    prompt: str | None = None,
    invocation_parameters: Mapping[str, Any] | None = None,
) -> LLMStep: ...
def llm(
    name: Callable[P, R] | str | None = None,
    *,
    model: str | None = None,
    provider: str | None = None,
    messages: Sequence[Message] | None = None,
    prompt: str | None = None,
    invocation_parameters: Mapping[str, Any] | None = None,
) -> Callable[P, R] | LLMStep:
    """Trace a model call: ``with groundtrace.llm(model="m", prompt=p) as step:`` or ``@groundtrace.llm``.

    A decorated function's messages or prompt are read from its arguments, the answer and its
    tokens from what it returns, be it text or an OpenAI, Anthropic or LangChain reply; of a
    generator's chunks, the text is joined and the time to the first one measured.
    """
    if callable(name):
        return LLMStep()(name)
    return LLMStep(
        name,
        model=model,
        provider=provider,
        messages=messages,
        prompt=prompt,
        invocation_parameters=invocation_parameters,
    )
