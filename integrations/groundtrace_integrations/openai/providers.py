"""Who answers at an address, in OpenInference's words and in OpenTelemetry's."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from groundtrace import semconv
from groundtrace.attributes import Attributes

# Ends of host names, as openinference-instrumentation 0.1.72 has them.
_PROVIDERS: Final[Mapping[str, str]] = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "api.anthropic.com": "anthropic",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.mistral.ai": "mistralai",
    "generativelanguage.googleapis.com": "google",
    "aiplatform.googleapis.com": "google",
    "amazonaws.com": "aws",
    "api.x.ai": "xai",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.fireworks.ai": "fireworks",
    "api.moonshot.cn": "moonshot",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "ollama.com": "ollama",
    "api.meta.ai": "meta",
    "api.z.ai": "zai",
    "api.minimax.io": "minimax",
    "api.minimaxi.com": "minimax",
    "api.minimax.chat": "minimax",
    "oci.oraclecloud.com": "oracle",
}
_GENAI: Final[Mapping[str, str]] = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gen_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}


@lru_cache(maxsize=256)
def _provider(host: str) -> str | None:
    host = host.lower().strip()
    for end, provider in _PROVIDERS.items():
        if host == end or host.endswith("." + end):
            return provider
    return None


def provider_attributes(client: object) -> Attributes:
    """Provider and system of a client, by its base URL.

    Behind an unknown host stands something that speaks OpenAI's language: GenAI's convention calls
    it ``openai``, OpenInference leaves the provider open.
    """
    host = getattr(getattr(client, "base_url", None), "host", None)
    provider = _provider(host) if isinstance(host, str) else None
    attributes: Attributes = {
        semconv.LLM_SYSTEM: "openai",
        semconv.GEN_AI_PROVIDER_NAME: _GENAI.get(provider, provider) if provider else "openai",
    }
    if provider is not None:
        attributes[semconv.LLM_PROVIDER] = provider
    return attributes
