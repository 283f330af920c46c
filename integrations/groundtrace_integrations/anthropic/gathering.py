"""Events of a stream, put together to the message that would have come in one piece."""

import json
from typing import Any, Final

from groundtrace_integrations.fields import field, text, whole

_PIECES: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
_USAGE: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens_details",
)


class GatheredMessage:
    """A message that grows by deltas; its usage by totals that replace those before."""

    __slots__ = ("_blocks", "_known", "_pieces", "_usage")

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, list[str]] = {}

    def add(self, chunk: object) -> None:
        """Take the next event."""
        match field(chunk, "type"):
            case "message_start":
                message = field(chunk, "message")
                self._known.update({name: text(message, name) for name in ("id", "role", "model")})
                self._count(field(message, "usage"))
            case "content_block_start":
                self._begin(whole(chunk, "index") or 0, field(chunk, "content_block"))
            case "content_block_delta":
                self._grow(whole(chunk, "index") or 0, field(chunk, "delta"))
            case "message_delta":
                self._known["stop_reason"] = text(field(chunk, "delta"), "stop_reason")
                self._count(field(chunk, "usage"))

    def answer(self) -> dict[str, Any] | None:
        """Return the message as far as it has come."""
        if not self._known:
            return None
        content = [self._block(place) for place in sorted(self._blocks)]
        return {**self._known, "content": content, "usage": self._usage}

    def _begin(self, place: int, block: object) -> None:
        names = ("type", "id", "name", "input", "title")
        known = {name: value for name in names if (value := field(block, name)) is not None}
        self._blocks[place] = known
        first = text(block, "text") or text(block, "thinking")
        self._pieces[place] = [first] if first else []

    def _grow(self, place: int, delta: object) -> None:
        name = _PIECES.get(str(field(delta, "type")))
        piece = text(delta, name) if name is not None else None
        if piece is not None:
            self._pieces.setdefault(place, []).append(piece)

    def _block(self, place: int) -> dict[str, Any]:
        known, said = dict(self._blocks[place]), "".join(self._pieces[place])
        kind = known.get("type")
        if kind in {"text", "thinking"}:
            known[kind] = said
        elif said:
            known["input"] = _parsed(said)
        return known

    def _count(self, usage: object) -> None:
        for name in _USAGE:
            value = field(usage, name)
            if value is not None:
                self._usage[name] = value


def _parsed(said: str) -> Any:
    """Return a tool's input; the bare text when the stream ended before it did."""
    try:
        return json.loads(said)
    except ValueError:
        return said
