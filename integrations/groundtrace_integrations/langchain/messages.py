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
    tool_call_id = getattr(message, "tool_call_id", None)
    if tool_call_id:
        mapping["tool_call_id"] = tool_call_id
    calls = getattr(message, "tool_calls", None) or message.additional_kwargs.get("tool_calls")
    if calls:
        mapping["tool_calls"] = calls
    return mapping


def _role(message: BaseMessage) -> str:
    if isinstance(message, ChatMessage):
        return message.role
    # Chunks of a stream are of type "AIMessageChunk" and so on.
    kind = message.type.removesuffix("MessageChunk").lower()
    return _ROLES.get(kind, kind)
