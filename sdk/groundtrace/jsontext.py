"""JSON of whatever the app handles: never raises, never runs on for a huge value."""

import dataclasses
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_MAX_ITEMS: Final = 1_000


def json_text(value: object, max_chars: int) -> str:
    """``value`` as compact JSON; what JSON lacks is written as its own dump, else its text.

    ``max_chars`` bounds the text of a foreign object and long containers are shortened to 1,000
    items with a note at the end; the result may still be longer than ``max_chars``.

    >>> json_text({"q": "é", "k": (1, 2)}, 100)
    '{"q":"é","k":[1,2]}'
    """
    try:
        return _encoder(max_chars).encode(_shortened(value))
    except (TypeError, ValueError, RecursionError):
        # Keys that are no strings, a cycle, a depth that json refuses.
        return json.dumps(_described(value, max_chars), ensure_ascii=False)


# json.dumps makes a new encoder for each call, which costs more than a small value does.
@lru_cache(maxsize=8)
def _encoder(max_chars: int) -> json.JSONEncoder:
    def foreign(item: object) -> object:
        return plain(item, max_chars)

    return json.JSONEncoder(default=foreign, ensure_ascii=False, separators=(",", ":"))


def _shortened(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) > _MAX_ITEMS:
        return [*value[:_MAX_ITEMS], f"… {len(value) - _MAX_ITEMS} more"]
    return value


def plain(item: object, max_chars: int) -> object:
    """One step from a foreign object to JSON: a mapping, a list or a text."""
    if isinstance(item, bytes | bytearray | memoryview):
        return f"<{len(item)} bytes>"
    if isinstance(item, Mapping):
        return dict(item)
    if isinstance(item, set | frozenset):
        return _shortened(list(item))
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
