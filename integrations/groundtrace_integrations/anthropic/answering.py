"""What a span carries of a message that the model wrote, be it the client's own object or plain JSON. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    merge_attributes,
    message_attributes,
    output_attributes,
    token_attributes,
)
from groundtrace.settings import TraceSettings
from groundtrace_integrations.anthropic.messages import block_message, block_texts
from groundtrace_integrations.fields import field, text, whole


def answer_attributes(answer: object, settings: TraceSettings, *, outermost: bool) -> Attributes:
    """Message, model, stop reason and token counts."""
    full = settings.plumbing == "full"
    content = field(answer, "content")
    message = block_message(text(answer, "role") or "assistant", content, compact=not full)
    attributes = message_attributes(semconv.LLM_OUTPUT_MESSAGES, [message], settings)
    model, answer_id, reason = (text(answer, name) for name in ("model", "id", "stop_reason"))
    if model is not None:
        attributes[semconv.LLM_MODEL_NAME] = attributes[semconv.GEN_AI_RESPONSE_MODEL] = model
    if answer_id is not None:
        attributes[semconv.GEN_AI_RESPONSE_ID] = answer_id
    if reason is not None:
        attributes[semconv.LLM_FINISH_REASON] = reason
        attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = (reason,)
    attributes.update(usage_attributes(field(answer, "usage")))
    if full:
        return merge_attributes(attributes, output_attributes(_as_json(answer), settings))
    if outermost or isinstance(message["content"], list):
        # Among blocks of other sorts the answer is hard to find.
        attributes = merge_attributes(attributes, output_attributes(block_texts(content), settings))
    return attributes


def usage_attributes(usage: object) -> Attributes:
    """Token counts. The API counts cached tokens beside the prompt's; here they are part of it."""
    if usage is None:
        return {}
    read, write = whole(usage, "cache_read_input_tokens"), whole(usage, "cache_creation_input_tokens")
    prompt = whole(usage, "input_tokens")
    if prompt is not None:
        prompt += (read or 0) + (write or 0)
    return token_attributes(
        prompt=prompt,
        completion=whole(usage, "output_tokens"),
        cache_read=read,
        cache_write=write,
        reasoning=whole(field(usage, "output_tokens_details"), "thinking_tokens"),
    )


def _as_json(answer: object) -> Any:
    """Return the answer as the provider sent it: without what the client's model only could have had."""
    dump = getattr(answer, "model_dump_json", None)
    if callable(dump):
        return json.loads(dump(exclude_unset=True, by_alias=True, warnings=False))
    return dict(answer) if isinstance(answer, Mapping) else answer
