"""Chunks of a stream, put together to the answer that would have come in one piece."""

from collections.abc import Mapping
from typing import Any, Final

from groundtrace_integrations.fields import field, text
from groundtrace_integrations.openai.operations import RESPONSES
from groundtrace_integrations.stainless.operations import Operation
from groundtrace_integrations.stainless.reading import Gathering

# The texts that come in pieces (a tool call's id, too, from some servers); other fields come whole.
_PIECES: Final = frozenset(
    {"content", "refusal", "reasoning_content", "reasoning", "text", "arguments", "id"}
)
_ENDINGS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


def gathering_of(operation: Operation) -> Gathering:
    """Return what puts this operation's chunks together."""
    return GatheredResponse() if operation is RESPONSES else GatheredChoices()


class GatheredChoices:
    """Chat completions and completions: choices that grow by deltas."""

    __slots__ = ("_answer", "_choices")

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, chunk: object) -> None:
        """Take the next chunk."""
        values = _plain(chunk)
        for choice in values.pop("choices", None) or ():
            index = choice.get("index")
            if not isinstance(index, int):
                continue
            delta = choice.pop("delta", None)
            if delta:
                choice["message"] = delta
            _grow(self._choices.setdefault(index, {}), choice)
        self._answer.update({key: value for key, value in values.items() if value is not None})

    def answer(self) -> dict[str, Any] | None:
        """Return the answer as one mapping, in the form of an answer without a stream."""
        if not self._answer and not self._choices:
            return None
        choices = [_ordered(self._choices[index]) for index in sorted(self._choices)]
        return {**self._answer, "choices": choices} if choices else self._answer


def _plain(chunk: object) -> dict[str, Any]:
    dump = getattr(chunk, "model_dump", None)
    if callable(dump):
        values: dict[str, Any] = dump(exclude_unset=True, warnings=False)
        return values
    return dict(chunk) if isinstance(chunk, Mapping) else {}


def _grow(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if value is None:
            continue
        before = known.get(key)
        if isinstance(value, Mapping):
            if not isinstance(before, dict):
                before = known[key] = {}
            _grow(before, value)
        elif isinstance(value, list) and value and all(_index(item) is not None for item in value):
            places = before if isinstance(before, dict) else {}
            known[key] = places
            for item in value:
                _grow(places.setdefault(_index(item), {}), item)
        elif isinstance(value, str) and isinstance(before, str) and key in _PIECES:
            known[key] = before + value
        else:
            known[key] = value


def _index(item: object) -> int | None:
    index = item.get("index") if isinstance(item, Mapping) else None
    return index if isinstance(index, int) else None


def _ordered(value: Any) -> Any:
    """Turn what was kept by place into lists."""
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_ordered(value[key]) for key in sorted(value)]
    return {key: _ordered(item) for key, item in value.items() if item not in ("", {})}


class GatheredResponse:
    """The responses API: the last event holds the whole answer; before it, text comes in pieces."""

    __slots__ = ("_pieces", "_response")

    def __init__(self) -> None:
        self._response: object = None
        self._pieces: list[str] = []

    def add(self, chunk: object) -> None:
        """Take the next event."""
        kind = field(chunk, "type")
        if kind == "response.output_text.delta":
            piece = text(chunk, "delta")
            if piece is not None:
                self._pieces.append(piece)
        elif kind == "response.created" or kind in _ENDINGS:
            self._response = field(chunk, "response")
            if kind in _ENDINGS:
                self._pieces.clear()

    def answer(self) -> object:
        """Return the response; one that never ended, with the text that came."""
        if not self._pieces:
            return self._response
        part = {"type": "output_text", "text": "".join(self._pieces)}
        return {
            "id": text(self._response, "id"),
            "model": text(self._response, "model"),
            "output": [{"type": "message", "role": "assistant", "content": [part]}],
        }
