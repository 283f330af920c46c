"""What a model's call carries: messages in and out, model, provider, parameters, tokens."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    merge_attributes,
    message_attributes,
    text_attribute,
)
from groundtrace.settings import TraceSettings
from groundtrace.text import safe_text
from groundtrace_integrations.langchain.messages import message_mapping
from groundtrace_integrations.langchain.usage import first_generation, usage_attributes
from groundtrace_integrations.parameters import parameter_attributes, tool_attributes

# LangChain's provider name: OpenInference's provider and system, GenAI's provider.
_PROVIDERS: Final[Mapping[str, tuple[str, str | None, str]]] = {
    "anthropic": ("anthropic", "anthropic", "anthropic"),
    "azure": ("azure", "openai", "azure.ai.openai"),
    "azure_ai": ("azure", "openai", "azure.ai.inference"),
    "azure_openai": ("azure", "openai", "azure.ai.openai"),
    "bedrock": ("aws", None, "aws.bedrock"),
    "bedrock_converse": ("aws", None, "aws.bedrock"),
    "amazon_bedrock": ("aws", None, "aws.bedrock"),
    "cohere": ("cohere", "cohere", "cohere"),
    "deepseek": ("deepseek", None, "deepseek"),
    "google": ("google", "vertexai", "gcp.gen_ai"),
    "google_anthropic_vertex": ("google", "anthropic", "gcp.vertex_ai"),
    "google_genai": ("google", "vertexai", "gcp.gemini"),
    "google_vertexai": ("google", "vertexai", "gcp.vertex_ai"),
    "groq": ("groq", "openai", "groq"),
    "ibm": ("ibm", None, "ibm.watsonx.ai"),
    "mistralai": ("mistralai", "mistralai", "mistral_ai"),
    "mistral": ("mistralai", "mistralai", "mistral_ai"),
    "ollama": ("ollama", "openai", "ollama"),
    "openai": ("openai", "openai", "openai"),
    "vertex": ("google", "vertexai", "gcp.vertex_ai"),
    "vertexai": ("google", "vertexai", "gcp.vertex_ai"),
    "xai": ("xai", None, "x_ai"),
}
_MODEL_KEYS: Final = ("model_name", "model", "model_id")
_FINISH_KEYS: Final = ("finish_reason", "stop_reason", "done_reason", "stopReason")


def request_attributes(
    metadata: Mapping[str, Any], parameters: Mapping[str, Any], settings: TraceSettings
) -> Attributes:
    """Model, provider and invocation parameters, known before the call."""
    attributes: Attributes = {}
    provider = metadata.get("ls_provider")
    if isinstance(provider, str) and provider:
        name = provider.lower()
        openinference, system, genai = _PROVIDERS.get(name, (name, None, name))
        attributes[semconv.LLM_PROVIDER] = openinference
        attributes[semconv.GEN_AI_PROVIDER_NAME] = genai
        if system is not None:
            attributes[semconv.LLM_SYSTEM] = system
    model = _text(metadata, ("ls_model_name",)) or _text(parameters, _MODEL_KEYS)
    if model is not None:
        attributes[semconv.LLM_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = model
    if parameters:
        tools = parameters.get("tools")
        attributes = merge_attributes(
            attributes,
            parameter_attributes(parameters, settings),
            tool_attributes(tools if isinstance(tools, list) else (), settings),
        )
    return attributes


def prompt_attributes(prompts: Sequence[str], settings: TraceSettings) -> Attributes:
    """``llm.prompts`` of a completion model."""
    if settings.hide_prompts or settings.hide_inputs or not settings.texts:
        return {}
    cut: list[str] = []
    attributes: Attributes = {
        semconv.LLM_PROMPTS: tuple(safe_text(text, semconv.LLM_PROMPTS, settings, cut) for text in prompts)
    }
    if cut:
        attributes[semconv.TRUNCATED] = (semconv.LLM_PROMPTS,)
    return attributes


def input_message_attributes(messages: Sequence[BaseMessage], settings: TraceSettings) -> Attributes:
    """The messages of a chat model's call."""
    return message_attributes(
        semconv.LLM_INPUT_MESSAGES, [message_mapping(message) for message in messages], settings
    )


def response_attributes(response: LLMResult, settings: TraceSettings) -> Attributes:
    """What the model answered: messages or text, finish reason, its own name, token counts."""
    answers = response.generations[0] if response.generations else []
    spoken = [message for answer in answers if (message := _message(answer)) is not None]
    if spoken:
        answered = message_attributes(
            semconv.LLM_OUTPUT_MESSAGES, [message_mapping(message) for message in spoken], settings
        )
    else:
        answered = _choice_attributes([answer.text for answer in answers], settings)
    full = settings.plumbing == "full"
    return merge_attributes(
        answered, _detail_attributes(response, full=full), usage_attributes(response, full=full)
    )


def _choice_attributes(texts: Sequence[str], settings: TraceSettings) -> Attributes:
    if settings.hide_choices or settings.hide_outputs:
        return {}
    attributes: Attributes = {}
    for index, text in enumerate(texts):
        key = f"{semconv.LLM_CHOICES}.{index}.{semconv.COMPLETION_TEXT}"
        attributes = merge_attributes(attributes, text_attribute(key, text, settings))
    return attributes


def _detail_attributes(response: LLMResult, *, full: bool) -> Attributes:
    """Return finish reason and model; in full as OpenInference: streams, too, go by the name asked for."""
    generation = first_generation(response)
    places: list[Mapping[str, Any]] = [
        place
        for place in (
            getattr(getattr(generation, "message", None), "response_metadata", None),
            getattr(generation, "generation_info", None),
            response.llm_output,
        )
        if isinstance(place, Mapping) and place
    ]
    attributes: Attributes = {}
    for place in places:
        reason = _text(place, _FINISH_KEYS)
        if reason is not None and semconv.LLM_FINISH_REASON not in attributes:
            attributes[semconv.LLM_FINISH_REASON] = reason
            attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = (reason,)
        model = _text(place, _MODEL_KEYS)
        if model is not None and semconv.GEN_AI_RESPONSE_MODEL not in attributes:
            attributes[semconv.GEN_AI_RESPONSE_MODEL] = model
        if model is not None and (place is response.llm_output or not full):
            attributes.setdefault(semconv.LLM_MODEL_NAME, model)
    return attributes


def answer_text(response: LLMResult) -> str | None:
    """Return the first answer's text, where it is text."""
    generation = first_generation(response)
    return generation.text or None if generation is not None else None


def _message(answer: object) -> BaseMessage | None:
    message = getattr(answer, "message", None)
    return message if isinstance(message, BaseMessage) else None


def _text(mapping: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    for key in keys:
        value = mapping.get(key)
        if isinstance(value, str) and value:
            return value
    return None
