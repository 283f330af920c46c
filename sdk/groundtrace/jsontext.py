"""JSON of whatever the app handles: never raises, never runs on for a huge value."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final

_MAX_ITEMS: Final = 1_000


def json_text(value: object, max_chars: int) -> str:
    """``value`` as compact JSON; what JSON lacks is written as its own dump, else its text.

    ``max_chars`` bounds the text of a foreign object and long containers are shortened to 1,000
    items with a note at the end; the result may still be longer than ``max_chars``.

    >>> json_text({"q": "é", "k": (1, 2)}, 100)
    '{"q":"é","k":[1,2]}'
    """
    value = _shortened(value)
    for encode in _encoders(max_chars):
        try:
            return encode(value)
        except (TypeError, ValueError, RecursionError):
            # Keys that are no strings, a cycle, a depth or a number that the encoder refuses.
            continue
    return json.dumps(_described(value, max_chars), ensure_ascii=False)


@lru_cache(maxsize=8)
def _encoders(max_chars: int) -> tuple[Callable[[object], str], ...]:
    """Return what to try in turn: orjson, ten times as fast, where the app has it; then json."""

    def foreign(item: object) -> object:
        return plain(item, max_chars)

    # json.dumps makes a new encoder for each call, which costs more than a small value does.
    patient = json.JSONEncoder(default=foreign, ensure_ascii=False, separators=(",", ":")).encode
    try:
        import orjson
    except ImportError:
        return (patient,)
    # What json has no form for is written as plain() has it, whichever encoder it is.
    options = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

    def quick(value: object) -> str:
        return orjson.dumps(value, foreign, options).decode()

    return quick, patient


def _shortened(value: object) -> object:
    if isinstance(value, (list, tuple)) and len(value) > _MAX_ITEMS:
        return [*value[:_MAX_ITEMS], f"… {len(value) - _MAX_ITEMS} more"]
    return value


_CONVERSIONS: Final[tuple[tuple[Any, Callable[[Any], object]], ...]] = (
    (Mapping, dict),
    (Enum, lambda item: item.value),
    # Of classes of their own, as numpy's numbers and named tuples are.
    (float, float),
    (tuple, list),
    (set | frozenset, lambda item: _shortened(list(item))),
)


def plain(item: object, max_chars: int) -> object:
    """One step from a foreign object to JSON: a mapping, a list or a text."""
    if isinstance(item, bytes | bytearray | memoryview):
        return f"<{len(item)} bytes>"
    for kinds, convert in _CONVERSIONS:
        if isinstance(item, kinds):
            return convert(item)
    dump = getattr(item, "model_dump", None)
    if callable(dump) and not isinstance(item, type):
        return dump()
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return {f.name: getattr(item, f.name) for f in dataclasses.fields(item)}
    shape = getattr(item, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"<{type(item).__name__} of shape {'x'.join(map(str, shape))}>"
    number = getattr(item, "item", None)
    if callable(number) and shape == ():
        return number()
    return _described(item, max_chars)


def _described(item: object, max_chars: int) -> str:
    try:
        return str(item)[:max_chars]
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return f"<{type(item).__name__}>"
