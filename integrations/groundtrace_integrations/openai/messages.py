"""Messages of both APIs in the shape that spans carry: that of chat completions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace_integrations.fields import field, items, joined, text

Message = dict[str, Any]

_TEXT_PARTS: Final = frozenset({"input_text", "output_text", "text"})
_OWN_TOOLS: Final = frozenset({"file_search_call", "web_search_call", "computer_call"})


def chat_message(message: object) -> Message:
    """Return a message of chat completions, given as a mapping or as the client's own object."""
    known: Message = {"role": text(message, "role"), "content": _content(field(message, "content"))}
    for name in ("name", "tool_call_id", "function_call"):
        value = field(message, name)
        if value:
            known[name] = value
    calls = [_call(call) for call in items(message, "tool_calls")]
    if calls:
        known["tool_calls"] = calls
    return known


def _content(content: Any) -> Any:
    if content is None or isinstance(content, str):
        return content or None
    return [_part(part) for part in content] if isinstance(content, Sequence) else None


def _part(part: object) -> object:
    kind = field(part, "type")
    if kind in _TEXT_PARTS:
        return {"type": "text", "text": field(part, "text")}
    if kind == "refusal":
        return {"type": "text", "text": field(part, "refusal")}
    if kind in {"image_url", "input_image"}:
        return {"type": "image_url", "image_url": field(part, "image_url")}
    return {"type": str(kind or type(part).__name__)}


def _call(call: object) -> Message:
    function = field(call, "function") or field(call, "custom")
    return {
        "id": text(call, "id"),
        "function": {
            "name": text(function, "name"),
            "arguments": field(function, "arguments") or field(function, "input"),
        },
    }


def asked_messages(body: Mapping[str, Any]) -> list[Message]:
    """Return the messages of a request to the responses API.

    As OpenInference counts them: place 0 is the instructions', empty without any.
    """
    instructions = body.get("instructions")
    first: Message = {"role": "system", "content": instructions} if isinstance(instructions, str) else {}
    asked = body.get("input")
    if isinstance(asked, str):
        return [first, {"role": "user", "content": asked}]
    if isinstance(asked, list):
        return [first, *(item_message(item) for item in asked)]
    return [first] if first else []


def item_message(item: object) -> Message:
    """Return one item of the responses API, in or out, as a message."""
    kind = field(item, "type")
    if kind == "message" or (kind is None and field(item, "role")):
        return chat_message(item)
    if kind == "reasoning":
        return _reasoning(item)
    if kind in {"function_call", "custom_tool_call"}:
        arguments = field(item, "arguments")
        if kind == "custom_tool_call":
            arguments = json.dumps({"input": field(item, "input")}, ensure_ascii=False)
        return _calling(text(item, "call_id"), text(item, "name"), arguments)
    if kind in {"function_call_output", "custom_tool_call_output"}:
        output = field(item, "output")
        content = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, default=str)
        return {"role": "tool", "tool_call_id": text(item, "call_id"), "content": content}
    if kind in _OWN_TOOLS:
        return _calling(text(item, "id"), str(kind), None)
    return {}


def _calling(call_id: str | None, name: str | None, arguments: Any) -> Message:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": call_id, "function": function}]}


def _reasoning(item: object) -> Message:
    summary = joined((text(part, "text") for part in items(item, "summary")), "\n")
    part = {"type": "reasoning", "text": summary}
    sealed = text(item, "encrypted_content")
    if sealed is not None:
        part["encrypted_content"] = sealed
    return {"role": "assistant", "content": [part]}


def last_question(messages: Sequence[Message]) -> str | None:
    """Return what the user said last, where it is text."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            parts = content if isinstance(content, list) else ()
            return joined(part.get("text") for part in parts if isinstance(part, dict))
    return None
