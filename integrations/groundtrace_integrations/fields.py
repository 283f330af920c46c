"""Reading what a client hands about: models of its own, mappings, or neither."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any


def field(source: Any, name: str) -> Any:
    """Return a key of a mapping or an attribute of an object; None without it."""
    # Asked twenty times a call: the abstract class, which takes its time to answer, comes last.
    if isinstance(source, dict) or (hasattr(source, "keys") and isinstance(source, Mapping)):
        return source.get(name)
    return getattr(source, name, None)


def text(source: object, name: str) -> str | None:
    """Return a field that is text and not empty."""
    value = field(source, name)
    if isinstance(value, Enum):
        value = value.value
    return value if isinstance(value, str) and value else None


def whole(source: object, name: str) -> int | None:
    """Return a field that is a whole number."""
    value = field(source, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def items(source: object, name: str) -> Sequence[Any]:
    """Return a field that is a list; empty without it. An iterator is left alone: the client needs it."""
    value = field(source, name)
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def joined(parts: Iterable[str | None], between: str = "") -> str | None:
    """Return the texts in one; None when there is none."""
    return between.join(part for part in parts if part) or None
