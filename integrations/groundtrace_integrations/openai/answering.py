"""What a span carries of the answer, be it the client's own object or plain JSON. Pure."""

import base64
import json
import sys
from array import array
from collections.abc import Mapping
from typing import Any

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    merge_attributes,
    message_attributes,
    output_attributes,
    text_attribute,
    token_attributes,
)
from groundtrace.embedding import space_attributes, vector_attributes
from groundtrace.settings import TraceSettings
from groundtrace_integrations.fields import field, items, joined, text, whole
from groundtrace_integrations.openai.messages import chat_message, item_message
from groundtrace_integrations.openai.operations import COMPLETIONS, EMBEDDINGS, RESPONSES
from groundtrace_integrations.stainless.operations import Operation, Request


def answer_attributes(
    request: Request, answer: object, settings: TraceSettings, *, outermost: bool
) -> Attributes:
    """Model, messages, finish reason and token counts."""
    operation = request.operation
    if operation is EMBEDDINGS:
        attributes = _embeddings(request, answer, settings)
    elif operation is RESPONSES:
        attributes = _response(answer, settings, outermost=outermost)
    else:
        attributes = _choices(operation, answer, settings, outermost=outermost)
    model = text(answer, "model")
    if model is not None:
        attributes[semconv.GEN_AI_RESPONSE_MODEL] = model
        name = semconv.EMBEDDING_MODEL_NAME if operation is EMBEDDINGS else semconv.LLM_MODEL_NAME
        attributes[name] = model
    answer_id = text(answer, "id")
    if answer_id is not None:
        attributes[semconv.GEN_AI_RESPONSE_ID] = answer_id
    attributes.update(usage_attributes(field(answer, "usage")))
    # The whole answer holds every vector.
    vectors_hidden = operation is EMBEDDINGS and settings.vector_share < 1
    if settings.plumbing == "full" and not vectors_hidden:
        attributes = merge_attributes(attributes, output_attributes(_as_json(answer), settings))
    return attributes


def usage_attributes(usage: object) -> Attributes:
    """Token counts under the names of either API."""
    if usage is None:
        return {}
    asked = field(usage, "prompt_tokens_details") or field(usage, "input_tokens_details")
    answered = field(usage, "completion_tokens_details") or field(usage, "output_tokens_details")
    prompt, completion = whole(usage, "prompt_tokens"), whole(usage, "completion_tokens")
    attributes = token_attributes(
        prompt=whole(usage, "input_tokens") if prompt is None else prompt,
        completion=whole(usage, "output_tokens") if completion is None else completion,
        total=whole(usage, "total_tokens"),
        cache_read=whole(asked, "cached_tokens"),
        cache_write=whole(asked, "cache_write_tokens"),
        reasoning=whole(answered, "reasoning_tokens"),
    )
    for key, details in (
        (semconv.LLM_TOKEN_COUNT_PROMPT_AUDIO, asked),
        (semconv.LLM_TOKEN_COUNT_COMPLETION_AUDIO, answered),
    ):
        count = whole(details, "audio_tokens")
        if count is not None:
            attributes[key] = count
    return attributes


def _choices(operation: Operation, answer: object, settings: TraceSettings, *, outermost: bool) -> Attributes:
    choices = [choice for choice in items(answer, "choices") if whole(choice, "index") is not None]
    attributes: Attributes = {}
    if operation is COMPLETIONS:
        attributes = _completions(choices, settings)
        said = text(choices[0], "text") if choices else None
    else:
        messages: dict[int, Any] = {
            whole(choice, "index") or 0: chat_message(field(choice, "message")) for choice in choices
        }
        placed = [messages.get(index, {}) for index in range(max(messages, default=-1) + 1)]
        attributes = message_attributes(semconv.LLM_OUTPUT_MESSAGES, placed, settings)
        said = placed[0].get("content") if placed else None
    reasons = [reason for choice in choices if (reason := text(choice, "finish_reason")) is not None]
    if reasons:
        attributes[semconv.LLM_FINISH_REASON] = reasons[0]
        attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = tuple(reasons)
    if outermost and settings.plumbing != "full":
        attributes = merge_attributes(attributes, output_attributes(said, settings))
    return attributes


def _completions(choices: list[Any], settings: TraceSettings) -> Attributes:
    attributes: Attributes = {}
    if settings.hide_choices or settings.hide_outputs:
        return attributes
    for choice in choices:
        said = text(choice, "text")
        if said is not None:
            key = f"{semconv.LLM_CHOICES}.{whole(choice, 'index')}.{semconv.COMPLETION_TEXT}"
            attributes = merge_attributes(attributes, text_attribute(key, said, settings))
    return attributes


def _response(answer: object, settings: TraceSettings, *, outermost: bool) -> Attributes:
    output = items(answer, "output")
    attributes = message_attributes(
        semconv.LLM_OUTPUT_MESSAGES, [item_message(item) for item in output], settings
    )
    status = text(answer, "status")
    if status is not None:
        # The responses API has no finish reason; what cut it short is the nearest to one.
        reason = text(field(answer, "incomplete_details"), "reason") or status
        attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = (reason,)
    said = joined(
        text(part, "text")
        for item in output
        if field(item, "type") == "message"
        for part in items(item, "content")
    )
    if settings.plumbing != "full" and (outermost or len(output) != 1):
        # With several items the answer is hard to find among them.
        attributes = merge_attributes(attributes, output_attributes(said, settings))
    return attributes


def _embeddings(request: Request, answer: object, settings: TraceSettings) -> Attributes:
    attributes = vector_attributes(_vectors(answer), settings)
    dimension = attributes.get(semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT)
    # The name asked for, which frameworks know, too: the provider may answer with another spelling.
    attributes.update(
        space_attributes(model=request.model, dimension=dimension if isinstance(dimension, int) else None)
    )
    return attributes


def _vectors(answer: object) -> list[Any]:
    """Return the answer's vectors in the order of their texts."""
    data = sorted(items(answer, "data"), key=lambda item: whole(item, "index") or 0)
    vectors = [field(item, "embedding") for item in data]
    return [_decoded(vector) if isinstance(vector, str) else vector for vector in vectors]


def _decoded(vector: str) -> "array[float]":
    """Return the 32-bit floats that a base64 text holds; the wire's are little-endian."""
    numbers = array("f", base64.b64decode(vector))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _as_json(answer: object) -> object:
    """Return the answer as the provider sent it: without what the client's model only could have had."""
    dump = getattr(answer, "model_dump_json", None)
    if callable(dump):
        return json.loads(dump(exclude_unset=True, warnings=False))
    return dict(answer) if isinstance(answer, Mapping) else answer
