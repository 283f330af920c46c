"""What an evaluator is given: the parts of one question that a trace knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Field(StrEnum):
    """A part of a case; an evaluator states in ``needs`` which ones it cannot do without."""

    QUERY = "query"
    CONTEXT = "context"
    ANSWER = "answer"
    EXPECTED = "expected"
    RETRIEVED_IDS = "retrieved_ids"
    RELEVANT_IDS = "relevant_ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question with what was retrieved for it and what was answered.

    Every part may be absent. Passages and ids are ordered best first. Raises TypeError when a part has
    another type than the one given here; a lone string is not taken for a list of passages.

    >>> Case(query="Where is Bern?", context=("Bern lies on the Aare.",)).has(Field.ANSWER)
    False
    """

    query: str | None = None
    context: tuple[str, ...] = ()
    answer: str | None = None
    expected: str | None = None
    """The answer that was hoped for: a reference, or the cached one."""
    retrieved_ids: tuple[str, ...] = ()
    relevant_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in (Field.QUERY, Field.ANSWER, Field.EXPECTED):
            value = getattr(self, field)
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{field} must be a string or None, got {type(value).__name__}")
        for field in (Field.CONTEXT, Field.RETRIEVED_IDS, Field.RELEVANT_IDS):
            object.__setattr__(self, field, strings(getattr(self, field), field))

    def has(self, field: Field) -> bool:
        """Whether this part is there and holds more than white space."""
        value: str | tuple[str, ...] | None = getattr(self, field)
        if value is None:
            return False
        return bool(value.strip()) if isinstance(value, str) else any(part.strip() for part in value)

    @classmethod
    def of_context(cls, context: str | Sequence[str], *, query: str | None, answer: str | None) -> Self:
        """A case whose context is given as one text or as a list of passages."""
        passages = (context,) if isinstance(context, str) else strings(context, "context")
        return cls(query=query, context=passages, answer=answer)


def strings(value: object, name: str) -> tuple[str, ...]:
    """``value`` as a tuple of strings; TypeError names ``name`` and what was found instead."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of strings, got {type(value).__name__}")
    for index, part in enumerate(value):
        if not isinstance(part, str):
            raise TypeError(f"{name}[{index}] must be a string, got {type(part).__name__}")
    return tuple(value)
