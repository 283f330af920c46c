"""What a span carries of a request for a message. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes, input_attributes, merge_attributes, message_attributes
from groundtrace.settings import TraceSettings
from groundtrace_integrations.anthropic.messages import asked_messages, last_question
from groundtrace_integrations.parameters import parameter_attributes, tool_attributes
from groundtrace_integrations.stainless.operations import Request

# What has attributes of its own is left out of the parameters, as OpenInference does.
_NO_PARAMETERS: Final = frozenset({"messages", "model", "system", "tools", "output_format"})
_GENAI_PARAMETERS: Final = {
    "temperature": semconv.GEN_AI_REQUEST_TEMPERATURE,
    "top_p": semconv.GEN_AI_REQUEST_TOP_P,
    "max_tokens": semconv.GEN_AI_REQUEST_MAX_TOKENS,
}
# Classes of the client that the platforms' clients inherit: OpenInference's provider, GenAI's provider.
_PLATFORMS: Final[Mapping[str, tuple[str, str]]] = {
    "BaseBedrockClient": ("aws", "aws.bedrock"),
    "BaseMantleClient": ("aws", "aws.bedrock"),
    "BaseVertexClient": ("google", "gcp.vertex_ai"),
    "BaseGoogleCloudClient": ("google", "gcp.vertex_ai"),
    "BaseFoundryClient": ("azure", "azure.ai.inference"),
}


def request_attributes(request: Request, settings: TraceSettings, *, outermost: bool) -> Attributes:
    """Model, messages with the system prompt first, tools and parameters.

    ``outermost``: no span is around this one, so its own input must stand for the request's.
    """
    body = given(request.body)
    full = settings.plumbing == "full"
    messages = _listed(body.get("messages"))
    known = asked_messages(body.get("system"), messages, compact=not full)
    parts = [
        _model(request, body),
        message_attributes(semconv.LLM_INPUT_MESSAGES, known, settings),
        parameter_attributes({k: value for k, value in body.items() if k not in _NO_PARAMETERS}, settings),
        tool_attributes(_listed(body.get("tools")), settings),
    ]
    if full:
        parts.append(input_attributes(_without_data(body), settings))
    elif outermost:
        parts.append(input_attributes(last_question(messages), settings))
    return merge_attributes(*parts)


def given(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body without what the app left out, for which the client has marks of its own."""
    return {key: value for key, value in body.items() if type(value).__name__ not in {"Omit", "NotGiven"}}


def provider_attributes(client: object) -> Attributes:
    """Who runs the model: Anthropic, or the platform whose client this is."""
    names = {cls.__name__ for cls in type(client).__mro__}
    found = next((_PLATFORMS[name] for name in _PLATFORMS if name in names), ("anthropic", "anthropic"))
    return {
        semconv.LLM_SYSTEM: "anthropic",
        semconv.LLM_PROVIDER: found[0],
        semconv.GEN_AI_PROVIDER_NAME: found[1],
    }


def _model(request: Request, body: Mapping[str, Any]) -> Attributes:
    attributes: Attributes = {}
    if request.model is not None:
        attributes[semconv.LLM_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = request.model
    if body.get("stream"):
        attributes[semconv.GEN_AI_REQUEST_STREAM] = True
    for name, key in _GENAI_PARAMETERS.items():
        value = body.get(name)
        if isinstance(value, int | float):
            attributes[key] = value
    return attributes


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _without_data(value: Any) -> Any:
    """Return JSON data with the bytes of its pictures and documents left out."""
    if isinstance(value, Mapping):
        hidden = value.get("type") == "base64"
        return {
            key: semconv.REDACTED if hidden and key == "data" else _without_data(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_data(item) for item in value]
    return value
