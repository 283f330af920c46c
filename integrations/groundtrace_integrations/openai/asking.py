"""What a span carries of the request. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    input_attributes,
    json_attribute,
    merge_attributes,
    message_attributes,
    text_attribute,
)
from groundtrace.embedding import text_attributes
from groundtrace.settings import TraceSettings
from groundtrace_integrations.openai.images import without_images
from groundtrace_integrations.openai.messages import Message, asked_messages, chat_message, last_question
from groundtrace_integrations.openai.operations import CHAT, COMPLETIONS, EMBEDDINGS
from groundtrace_integrations.parameters import parameter_attributes, tool_attributes
from groundtrace_integrations.stainless.operations import Request

# What has attributes of its own is left out of the parameters, as OpenInference does.
_NO_PARAMETERS: Final = frozenset({"messages", "functions", "tools", "input", "instructions", "prompt"})
_GENAI_PARAMETERS: Final = {
    "temperature": semconv.GEN_AI_REQUEST_TEMPERATURE,
    "top_p": semconv.GEN_AI_REQUEST_TOP_P,
    "max_tokens": semconv.GEN_AI_REQUEST_MAX_TOKENS,
    "max_completion_tokens": semconv.GEN_AI_REQUEST_MAX_TOKENS,
    "max_output_tokens": semconv.GEN_AI_REQUEST_MAX_TOKENS,
    "seed": semconv.GEN_AI_REQUEST_SEED,
}
# A batch of prompts is no question to look at: its first texts tell what it is.
_MAX_TEXTS: Final = 32


def request_attributes(request: Request, settings: TraceSettings, *, outermost: bool) -> Attributes:
    """Model, messages or texts, and parameters.

    ``outermost``: no span is around this one, so its own input must stand for the request's.
    """
    body, operation = request.body, request.operation
    if operation is EMBEDDINGS:
        return merge_attributes(_embedded(request, settings), _whole_input(body, settings))
    attributes = _model(request)
    if operation is COMPLETIONS:
        prompts = _texts(body.get("prompt"))
        attributes.update(_prompts(prompts, settings))
        question = prompts[0] if len(prompts) == 1 else None
    else:
        messages = _messages(request)
        attributes.update(message_attributes(semconv.LLM_INPUT_MESSAGES, messages, settings))
        question = last_question(messages)
    tools = body.get("tools")
    parts = [
        attributes,
        parameter_attributes({k: value for k, value in body.items() if k not in _NO_PARAMETERS}, settings),
        tool_attributes(tools if isinstance(tools, list | tuple) else (), settings),
        _whole_input(body, settings),
    ]
    if outermost and settings.plumbing != "full":
        parts.append(input_attributes(question, settings))
    return merge_attributes(*parts)


def _model(request: Request) -> Attributes:
    attributes: Attributes = {}
    if request.model is not None:
        attributes[semconv.LLM_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = request.model
    if request.body.get("stream"):
        attributes[semconv.GEN_AI_REQUEST_STREAM] = True
    for name, key in _GENAI_PARAMETERS.items():
        value = request.body.get(name)
        if isinstance(value, int | float):
            attributes[key] = value
    return attributes


def _messages(request: Request) -> list[Message]:
    if request.operation is not CHAT:
        return asked_messages(request.body)
    given = request.body.get("messages")
    return [chat_message(message) for message in given] if isinstance(given, list | tuple) else []


def _prompts(prompts: Sequence[str], settings: TraceSettings) -> Attributes:
    if settings.hide_prompts or settings.hide_inputs:
        return {}
    attributes: Attributes = {}
    for index, prompt in enumerate(prompts[:_MAX_TEXTS]):
        key = f"{semconv.LLM_PROMPTS}.{index}.{semconv.PROMPT_TEXT}"
        attributes = merge_attributes(attributes, text_attribute(key, prompt, settings))
    return attributes


def _whole_input(body: Mapping[str, Any], settings: TraceSettings) -> Attributes:
    """Return the whole request, which repeats the messages, where OpenInference's form is asked for."""
    if settings.plumbing != "full":
        return {}
    return input_attributes(without_images(body, settings), settings)


def _embedded(request: Request, settings: TraceSettings) -> Attributes:
    body = request.body
    attributes: Attributes = {}
    if request.model is not None:
        attributes[semconv.EMBEDDING_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = request.model
    parameters = {name: value for name, value in body.items() if name != "input"}
    attributes.update(json_attribute(semconv.EMBEDDING_INVOCATION_PARAMETERS, parameters, settings))
    given = body.get("input")
    texts = _texts(given)
    attributes = merge_attributes(attributes, text_attributes(texts, settings))
    if not texts:
        attributes[semconv.EMBEDDING_TEXT_COUNT] = _token_lists(given)
    return attributes


def _texts(given: object) -> list[str]:
    if isinstance(given, str):
        return [given]
    if isinstance(given, list | tuple) and all(isinstance(text, str) for text in given):
        return list(given)
    return []


def _token_lists(given: object) -> int:
    """Count the texts that were given as lists of token numbers."""
    if not isinstance(given, list | tuple) or not given:
        return 0
    return 1 if isinstance(given[0], int) else len(given)
