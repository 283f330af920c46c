"""What a model's call carries: messages in and out, model, parameters, tokens."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    input_attributes,
    merge_attributes,
    message_attributes,
    output_attributes,
    text_attribute,
)
from groundtrace.settings import TraceSettings
from groundtrace_integrations import anthropic, openai
from groundtrace_integrations.fields import field, items, text, whole
from groundtrace_integrations.identity import model_name
from groundtrace_integrations.parameters import parameter_attributes, tool_attributes

Message = dict[str, Any]

# Names of classes: OpenInference's provider and system, GenAI's provider.
_PROVIDERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "AzureOpenAI": ("azure", "openai", "azure.ai.openai"),
    "OpenAI": ("openai", "openai", "openai"),
    "Anthropic": ("anthropic", "anthropic", "anthropic"),
    "Vertex": ("google", "vertexai", "gcp.vertex_ai"),
    "Gemini": ("google", "vertexai", "gcp.gemini"),
    "GoogleGenAI": ("google", "vertexai", "gcp.gen_ai"),
    "Bedrock": ("aws", "aws", "aws.bedrock"),
    "Cohere": ("cohere", "cohere", "cohere"),
    "MistralAI": ("mistralai", "mistralai", "mistral_ai"),
    "Ollama": ("ollama", "ollama", "ollama"),
    "Groq": ("groq", "openai", "groq"),
}
# What has attributes of its own, or says nothing of the call.
_NO_PARAMETERS: Final = frozenset({"tools", "class_name", "messages", "formatted", "api_key", "model"})
_FINISH_KEYS: Final = ("finish_reason", "stop_reason", "done_reason")
_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def request_attributes(
    instance: object, parameters: Mapping[str, Any], asked: Mapping[str, Any], settings: TraceSettings
) -> Attributes:
    """Model, provider, parameters and tools; ``asked`` are the call's own keywords, ``parameters`` the model's."""
    attributes: Attributes = {}
    name = called_model(instance)
    if name is not None:
        attributes[semconv.LLM_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = name
    provider = next(
        (_PROVIDERS[cls.__name__] for cls in type(instance).__mro__ if cls.__name__ in _PROVIDERS), None
    )
    if provider is not None:
        keys = (semconv.LLM_PROVIDER, semconv.LLM_SYSTEM, semconv.GEN_AI_PROVIDER_NAME)
        attributes.update(zip(keys, provider, strict=True))
    known = {**parameters, **asked}
    kept = {
        key: value
        for key, value in known.items()
        if key not in _NO_PARAMETERS and isinstance(value, str | int | float | bool | list | dict)
    }
    tools = asked.get("tools")
    return merge_attributes(
        attributes,
        parameter_attributes(kept, settings) if kept else {},
        tool_attributes(tools if isinstance(tools, list | tuple) else (), settings),
    )


def called_model(instance: object) -> str | None:
    """Return the name that the provider will be asked by."""
    name = model_name(instance)
    if name is None:
        name = text(getattr(instance, "metadata", None), "model_name")
    return None if name == "unknown" else name


def chat_attributes(messages: Sequence[Any], settings: TraceSettings, *, outermost: bool) -> Attributes:
    """The messages of a chat."""
    known = [message_mapping(message) for message in messages]
    attributes = message_attributes(semconv.LLM_INPUT_MESSAGES, known, settings)
    if outermost or settings.plumbing == "full":
        last = next((m["content"] for m in reversed(known) if m.get("role") == "user"), None)
        attributes = merge_attributes(attributes, input_attributes(last, settings))
    return attributes


def prompt_attributes(prompt: str, settings: TraceSettings, *, outermost: bool) -> Attributes:
    """The prompt of a completion."""
    attributes: Attributes = {}
    if not (settings.hide_prompts or settings.hide_inputs):
        key = f"{semconv.LLM_PROMPTS}.0.{semconv.PROMPT_TEXT}"
        attributes = text_attribute(key, prompt, settings)
    if outermost or settings.plumbing == "full":
        attributes = merge_attributes(attributes, input_attributes(prompt, settings))
    return attributes


def response_attributes(response: Any, settings: TraceSettings, *, outermost: bool) -> Attributes:
    """What the model answered: message or text, finish reason, its own name, token counts."""
    message = getattr(response, "message", None)
    if message is not None:
        attributes = message_attributes(semconv.LLM_OUTPUT_MESSAGES, [message_mapping(message)], settings)
    elif settings.hide_choices or settings.hide_outputs:
        attributes = {}
    else:
        key = f"{semconv.LLM_CHOICES}.0.{semconv.COMPLETION_TEXT}"
        attributes = text_attribute(key, answer_text(response) or "", settings)
    if outermost or message is None or settings.plumbing == "full":
        attributes = merge_attributes(attributes, output_attributes(answer_text(response), settings))
    attributes.update(_details(response))
    return attributes


def answer_text(response: Any) -> str | None:
    """Return the text of an answer."""
    message = getattr(response, "message", None)
    said = getattr(message, "content", None) if message is not None else getattr(response, "text", None)
    return said if isinstance(said, str) else None


def message_mapping(message: Any) -> Message:
    """Return role, content and tool calls, as OpenAI's API names them."""
    more = getattr(message, "additional_kwargs", None) or {}
    known: Message = {"role": text(message, "role"), "content": _content(message)}
    for name in ("name", "tool_call_id"):
        if isinstance(more.get(name), str):
            known[name] = more[name]
    calls = [*_block_calls(message), *(_call(call) for call in more.get("tool_calls") or ())]
    unique = {(call["id"], call["function"]["name"]): call for call in calls}
    if unique:
        known["tool_calls"] = list(unique.values())
    return known


def _content(message: Any) -> object:
    # Before 0.12 a message had a text and no blocks.
    blocks = items(message, "blocks")
    if all(field(block, "block_type") in {"text", "tool_call"} for block in blocks):
        return text(message, "content")
    return [_part(block) for block in blocks if field(block, "block_type") != "tool_call"]


def _part(block: Any) -> object:
    kind = field(block, "block_type")
    if kind == "image":
        url = field(block, "url")
        return {"type": "image"} if url is None else {"type": "image_url", "image_url": str(url)}
    if kind == "thinking":
        return {"type": "reasoning", "text": text(block, "content")}
    return {"type": str(kind or "unknown"), "text": text(block, "text") or text(block, "title")}


def _block_calls(message: Any) -> list[Message]:
    return [
        {
            "id": text(block, "tool_call_id"),
            "function": {"name": text(block, "tool_name"), "arguments": field(block, "tool_kwargs")},
        }
        for block in items(message, "blocks")
        if field(block, "block_type") == "tool_call"
    ]


def _call(call: object) -> Message:
    """Return a call as a provider's own client gives it."""
    function = field(call, "function") or call
    arguments = field(function, "arguments")
    return {
        "id": text(call, "id"),
        "function": {
            "name": text(function, "name"),
            "arguments": field(function, "input") if arguments is None else arguments,
        },
    }


def _details(response: Any) -> Attributes:
    raw = getattr(response, "raw", None)
    more = getattr(response, "additional_kwargs", None) or {}
    attributes = _usage(raw, more)
    model = text(raw, "model")
    if model is not None:
        attributes[semconv.LLM_MODEL_NAME] = attributes[semconv.GEN_AI_RESPONSE_MODEL] = model
    choices = items(raw, "choices")
    places = (raw, choices[0] if choices else None, more)
    reason = next(
        (r for place in places for key in _FINISH_KEYS if (r := text(place, key)) is not None), None
    )
    if reason is not None:
        attributes[semconv.LLM_FINISH_REASON] = reason
        attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = (reason,)
    return attributes


def _usage(raw: object, more: Mapping[str, Any]) -> Attributes:
    """Token counts, as the provider's answer has them, else as LlamaIndex's adapter read them."""
    usage = field(raw, "usage")
    if usage is None:
        usage = more if any(whole(more, key) is not None for key in _COUNTS) else None
    if whole(usage, "cache_read_input_tokens") is not None:
        return anthropic.answering.usage_attributes(usage)
    return openai.answering.usage_attributes(usage)
