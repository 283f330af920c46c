"""Messages of Anthropic's API in the shape that spans carry: that of chat completions."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from groundtrace_integrations.fields import field, items, joined, text

Message = dict[str, Any]

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_PLAIN: Final = _CALLS | {"text"}


def asked_messages(system: object, messages: Sequence[Any], *, compact: bool) -> list[Message]:
    """Return the system prompt, which the API takes apart, and the messages of a request.

    Each result of a tool is a message of its own, so that parallel ones stay apart. ``compact``
    writes a text that came as a list of blocks as one text.
    """
    known: list[Message] = []
    if system and (isinstance(system, str) or _blocks(system)):
        known.append({"role": "system", "content": _content(system, compact=compact)})
    for message in messages:
        known.extend(_split(message, compact=compact))
    return known


def _split(message: object, *, compact: bool) -> Iterable[Message]:
    blocks = _blocks(field(message, "content"))
    results = [block for block in blocks if field(block, "type") == "tool_result"]
    for block in results:
        yield {
            "role": "tool",
            "tool_call_id": text(block, "tool_use_id"),
            "content": _result(field(block, "content")),
        }
    others = [block for block in blocks if field(block, "type") != "tool_result"]
    if others or not results:
        yield block_message(text(message, "role"), others or field(message, "content"), compact=compact)


def block_message(role: str | None, content: object, *, compact: bool) -> Message:
    """Return one message out of its blocks, or its text."""
    known: Message = {"role": role, "content": _content(content, compact=compact)}
    calls = [_call(block) for block in _blocks(content) if field(block, "type") in _CALLS]
    if calls:
        known["tool_calls"] = calls
    return known


def block_texts(content: object) -> str | None:
    """Return the text blocks as one text."""
    if isinstance(content, str):
        return content or None
    return joined(text(block, "text") for block in _blocks(content) if field(block, "type") == "text")


def last_question(messages: Sequence[Any]) -> str | None:
    """Return what the user said last, where it is text."""
    for message in reversed(messages):
        if field(message, "role") == "user" and (said := block_texts(field(message, "content"))) is not None:
            return said
    return None


def _blocks(content: object) -> Sequence[Any]:
    # An iterator is left alone: the client needs it.
    return content if isinstance(content, Sequence) and not isinstance(content, str | bytes) else ()


def _content(content: object, *, compact: bool) -> Any:
    if isinstance(content, str):
        return content or None
    blocks = _blocks(content)
    if compact and all(field(block, "type") in _PLAIN for block in blocks):
        return block_texts(blocks)
    return [_part(block) for block in blocks]


def _part(block: object) -> object:
    kind = field(block, "type")
    match kind:
        case "text":
            return {"type": "text", "text": text(block, "text")}
        case "thinking":
            return {"type": "reasoning", "text": text(block, "thinking")}
        case "redacted_thinking":
            return {"type": "reasoning"}
        case "image":
            return _image(field(block, "source"))
        case _:
            # Documents, results of server tools and what is yet to come: told by name, not copied.
            return {"type": str(kind or "unknown"), "text": text(block, "title")}


def _image(source: object) -> object:
    url = text(source, "url")
    if url is None and (data := text(source, "data")) is not None:
        url = f"data:{text(source, 'media_type')};base64,{data}"
    return {"type": "image"} if url is None else {"type": "image_url", "image_url": url}


def _call(block: object) -> Message:
    return {
        "id": text(block, "id"),
        "function": {"name": text(block, "name"), "arguments": field(block, "input")},
    }


def _result(content: object) -> str | None:
    if content is None or isinstance(content, str):
        return content
    said = [
        text(block, "text") if field(block, "type") == "text" else json.dumps({"type": field(block, "type")})
        for block in items({"content": content}, "content")
    ]
    return joined(said, "\n")
