"""Token counts, wherever the provider put them."""

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage
from langchain_core.outputs import Generation, LLMResult

from groundtrace import semconv
from groundtrace.attributes import Attributes, token_attributes

_PROMPT: Final = ("input_tokens", "prompt_tokens", "prompt_token_count", "prompt_eval_count")
_COMPLETION: Final = ("output_tokens", "completion_tokens", "candidates_token_count", "eval_count")
_TOTAL: Final = ("total_tokens", "total_token_count")
_USAGE: Final = ("token_usage", "usage", "usage_metadata")


def usage_attributes(response: LLMResult, *, full: bool) -> Attributes:
    """Token counts of a model's answer, from the first place that has them.

    ``full`` keeps zero counts of the provider's own figures and prefers these, as OpenInference does.
    """
    usage = _usage(response, full=full)
    if usage is None:
        return {}
    read = _whole(_details(usage, "input_token_details"), "cache_read") or _whole(
        _details(usage, "prompt_tokens_details"), "cached_tokens"
    )
    write = _whole(_details(usage, "input_token_details"), "cache_creation")
    anthropic_read = _whole(usage, "cache_read_input_tokens")
    anthropic_write = _whole(usage, "cache_creation_input_tokens")
    prompt, total = _whole(usage, *_PROMPT), _whole(usage, *_TOTAL)
    completion = _whole(usage, *_COMPLETION)
    if anthropic_read or anthropic_write:
        # Anthropic's raw input_tokens leave cached tokens out.
        read, write = anthropic_read, anthropic_write
        prompt = (prompt or 0) + (read or 0) + (write or 0)
    elif prompt is not None:
        prompt, total = _with_cache(prompt, completion or 0, total, (read or 0) + (write or 0))
    attributes = token_attributes(
        prompt=prompt,
        completion=completion,
        total=total,
        cache_read=read,
        cache_write=write,
        reasoning=_reasoning(usage),
    )
    attributes.update(_audio(usage))
    keep_zeros = full and "prompt_tokens_details" in usage
    return attributes if keep_zeros else {key: count for key, count in attributes.items() if count}


def _with_cache(prompt: int, completion: int, total: int | None, cached: int) -> tuple[int, int | None]:
    """Add cached tokens where Bedrock left them out (openinference issue 2381)."""
    if not cached or total is None:
        return prompt, total
    if total == prompt + completion + cached:
        return prompt + cached, total
    if prompt < cached:
        return prompt + cached, total + cached
    return prompt, total


def _reasoning(usage: Mapping[str, Any]) -> int | None:
    return _whole(_details(usage, "output_token_details"), "reasoning") or _whole(
        _details(usage, "completion_tokens_details"), "reasoning_tokens"
    )


def _audio(usage: Mapping[str, Any]) -> Attributes:
    found = {
        semconv.LLM_TOKEN_COUNT_PROMPT_AUDIO: _whole(_details(usage, "input_token_details"), "audio")
        or _whole(_details(usage, "prompt_tokens_details"), "audio_tokens"),
        semconv.LLM_TOKEN_COUNT_COMPLETION_AUDIO: _whole(_details(usage, "output_token_details"), "audio")
        or _whole(_details(usage, "completion_tokens_details"), "audio_tokens"),
    }
    return {key: count for key, count in found.items() if count is not None}


def _usage(response: LLMResult, *, full: bool) -> Mapping[str, Any] | None:
    if full and (told := _raw_usage(response.llm_output)) is not None:
        return told
    generation = first_generation(response)
    message = getattr(generation, "message", None)
    if isinstance(message, BaseMessage):
        usage = getattr(message, "usage_metadata", None)
        if isinstance(usage, Mapping):
            return usage
    places = (
        response.llm_output,
        getattr(message, "response_metadata", None),
        getattr(generation, "generation_info", None),
    )
    for place in places:
        told = _raw_usage(place)
        if told is not None:
            return told
    return None


def _raw_usage(place: object) -> Mapping[str, Any] | None:
    """Return the counts as the provider gave them, from one of the places where they may be."""
    if not place or not isinstance(place, Mapping):
        return None
    for key in _USAGE:
        usage = place.get(key)
        if isinstance(usage, Mapping) and usage:
            return usage
    # Ollama counts beside its other fields.
    return place if _whole(place, "prompt_eval_count") is not None else None


def first_generation(response: LLMResult) -> Generation | None:
    """Return the first answer to the first prompt."""
    for generations in response.generations:
        for generation in generations:
            return generation
    return None


def _details(usage: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    details = usage.get(key)
    return details if isinstance(details, Mapping) else {}


def _whole(mapping: Mapping[str, Any], *keys: str) -> int | None:
    for key in keys:
        value = mapping.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
