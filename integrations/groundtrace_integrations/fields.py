"""Reading what a client hands about: models of its own, mappings, or neither."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any


def field(source: Any, name: str) -> Any:
    """Return a key of a mapping or an attribute of an object; None without it.

    Asked forty times a call: to ask a pydantic model for what it lacks costs it an exception, thirty
    times as long as to look into its ``__dict__``.
    """
    kind: Any = type(source)
    if kind is dict or _is_mapping(kind):
        return source.get(name)
    values = getattr(source, "__dict__", None)
    if values is not None and name in values:
        return values[name]
    if not _is_pydantic(kind):
        return getattr(source, name, None)
    extra = source.__pydantic_extra__
    if extra and name in extra:
        return extra[name]
    return getattr(source, name, None) if _defines(kind, name) else None


@lru_cache(maxsize=1_024)
def _is_mapping(kind: type) -> bool:
    return issubclass(kind, Mapping)


@lru_cache(maxsize=1_024)
def _is_pydantic(kind: type) -> bool:
    return any("__pydantic_extra__" in vars(cls) for cls in kind.__mro__)


@lru_cache(maxsize=4_096)
def _defines(kind: type, name: str) -> bool:
    """Whether the class has a property or a default of this name."""
    return any(name in vars(cls) for cls in kind.__mro__)


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
