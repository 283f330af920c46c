"""What Anthropic's API answers to a request for a message."""

from collections.abc import Iterator, Mapping
from typing import Any

ANSWER = "Bern is the seat of the Swiss government."
USAGE = {
    "input_tokens": 5,
    "cache_read_input_tokens": 16,
    "cache_creation_input_tokens": 4,
    "output_tokens": 8,
}
TOOL_INPUT = {"city": "Bern"}


def message_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message in one piece: after thinking, where that is on; a tool's call, where there are tools."""
    content: list[dict[str, Any]] = [{"type": "text", "text": ANSWER}]
    if body.get("tools"):
        content = [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": TOOL_INPUT},
        ]
    if body.get("thinking"):
        content.insert(0, {"type": "thinking", "thinking": "Swiss cities.", "signature": "sig"})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": f"{body['model']}-2026",
        "content": content,
        "stop_reason": "tool_use" if body.get("tools") else "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
    }


def message_events(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the same message as the events of a stream."""
    whole = message_body(body)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(whole["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _begun(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": USAGE["output_tokens"]}}
    yield {"type": "message_stop"}


def _begun(block: Mapping[str, Any]) -> Mapping[str, Any]:
    if block["type"] == "tool_use":
        return {**block, "input": {}}
    return {"type": "text", "text": ""} if block["type"] == "text" else {**block, "thinking": ""}


def _deltas(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if block["type"] == "tool_use":
        for piece in ('{"city": ', '"Bern"}'):
            yield {"type": "input_json_delta", "partial_json": piece}
    elif block["type"] == "thinking":
        yield {"type": "thinking_delta", "thinking": block["thinking"]}
    else:
        for word in block["text"].split(" "):
            yield {"type": "text_delta", "text": word if word == block["text"].split(" ")[0] else f" {word}"}
