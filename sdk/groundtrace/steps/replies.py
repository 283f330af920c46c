"""Chat messages and model replies in the shapes that clients hand about. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from groundtrace.steps.recognise import read

_ROLES: Final = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
_PROMPT_TOKENS: Final = ("prompt_tokens", "input_tokens")
_COMPLETION_TOKENS: Final = ("completion_tokens", "output_tokens")
_PROMPT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_COMPLETION_DETAILS: Final = (
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model gave back, or one chunk of it."""

    text: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    tokens: Mapping[str, int] = field(default_factory=dict)
    model: str | None = None
    finish_reason: str | None = None


def find_messages(value: object) -> list[Mapping[str, Any]] | None:
    """Return chat messages in OpenAI's shape, from mappings, (role, text) pairs or LangChain's; else None."""
    if not isinstance(value, list | tuple) or not value:
        return None
    messages = [_message(item) for item in value]
    return [message for message in messages if message] if all(messages) else None


def _message(item: object) -> Mapping[str, Any] | None:
    if isinstance(item, Mapping):
        return item if "role" in item else None
    if isinstance(item, tuple) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return {"role": _ROLES.get(item[0], item[0]), "content": item[1]}
    role = read(item, ("role", "type"))
    content = read(item, ("content",))
    if not isinstance(role, str) or content is None:
        return None
    return {"role": _ROLES.get(role, role), "content": content, "tool_calls": _calls(item)}


def _calls(item: object) -> list[Mapping[str, Any]]:
    calls = read(item, ("tool_calls",)) or ()
    return [
        call
        if isinstance(call, Mapping)
        else {
            "id": read(call, ("id",)),
            "function": {
                "name": read(read(call, ("function",)), ("name",)),
                "arguments": read(read(call, ("function",)), ("arguments",)),
            },
        }
        for call in calls
    ]


def find_reply(value: object) -> Reply | None:
    """Return what a model call gave: text, or an OpenAI, Anthropic or LangChain reply or chunk; else None."""
    if isinstance(value, str):
        return Reply(text=value)
    choices = read(value, ("choices",))
    usage = read(value, ("usage", "usage_metadata"))
    if isinstance(choices, list | tuple):
        return _from_choices(value, choices, usage)
    content = read(value, ("content",))
    if content is None:
        delta = read(value, ("delta",))  # Anthropic's stream events
        content = read(delta, ("text",)) if delta is not None else None
    if content is None and usage is None:
        return None
    metadata = read(value, ("response_metadata",)) or {}
    return Reply(
        text=_text(content),
        tool_calls=_calls(value),
        tokens=_tokens(usage),
        model=read(value, ("model",)) or read(metadata, ("model_name", "model")),
        finish_reason=read(value, ("stop_reason",)) or read(metadata, ("finish_reason", "stop_reason")),
    )


def _from_choices(value: object, choices: Sequence[object], usage: object) -> Reply:
    first = choices[0] if choices else None
    message = read(first, ("message", "delta")) if first is not None else None
    text = read(message, ("content",)) if message is not None else read(first, ("text",))
    return Reply(
        text=_text(text),
        tool_calls=_calls(message) if message is not None else (),
        tokens=_tokens(usage),
        model=read(value, ("model",)),
        finish_reason=read(first, ("finish_reason",)) if first is not None else None,
    )


def _text(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        parts = [part if isinstance(part, str) else read(part, ("text",)) for part in content]
        return "".join(part for part in parts if isinstance(part, str)) or None
    return None


def _tokens(usage: object) -> dict[str, int]:
    if usage is None:
        return {}
    prompt_details = read(usage, _PROMPT_DETAILS) or {}
    completion_details = read(usage, _COMPLETION_DETAILS) or {}
    counts = {
        "prompt": read(usage, _PROMPT_TOKENS),
        "completion": read(usage, _COMPLETION_TOKENS),
        "total": read(usage, ("total_tokens",)),
        "cache_read": read(prompt_details, ("cached_tokens", "cache_read")),
        "cache_write": read(prompt_details, ("cache_creation",)),
        "reasoning": read(completion_details, ("reasoning_tokens", "reasoning")),
    }
    counts.update(_anthropic_tokens(usage, counts))
    return {name: int(count) for name, count in counts.items() if isinstance(count, int)}


def _anthropic_tokens(usage: object, counts: Mapping[str, Any]) -> dict[str, int]:
    """Anthropic counts cached tokens beside ``input_tokens``; ours are within the prompt's."""
    cached = read(usage, ("cache_read_input_tokens",))
    written = read(usage, ("cache_creation_input_tokens",))
    if cached is None and written is None:
        return {}
    prompt = (counts["prompt"] or 0) + (cached or 0) + (written or 0)
    return {"prompt": prompt, "cache_read": cached or 0, "cache_write": written or 0}
