"""LangChain messages in the shape that spans carry them in."""

from typing import Any, Final

from langchain_core.messages import BaseMessage, ChatMessage

_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "function",
    "developer": "developer",
}


def message_mapping(message: BaseMessage) -> dict[str, Any]:
    """Return role, content, name and tool calls, as OpenAI's API names them."""
    mapping: dict[str, Any] = {"role": _role(message), "content": message.content}
    if message.name:
        mapping["name"] = message.name
    # Asking pydantic for a field that a message's class lacks is slow, and most lack these.
    own = message.__dict__
    tool_call_id = own.get("tool_call_id")
    if tool_call_id:
        mapping["tool_call_id"] = tool_call_id
    calls = own.get("tool_calls") or message.additional_kwargs.get("tool_calls")
    if calls:
        mapping["tool_calls"] = calls
    return mapping


def _role(message: BaseMessage) -> str:
    known = _ROLES.get(message.type)
    if known is not None:
        return known
    if isinstance(message, ChatMessage):
        return message.role
    # Chunks of a stream are of type "AIMessageChunk" and so on.
    kind = message.type.removesuffix("MessageChunk").lower()
    return _ROLES.get(kind, kind)
