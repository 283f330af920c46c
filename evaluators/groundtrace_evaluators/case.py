"""What an evaluator is given: the parts of one question that a trace knows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Field(StrEnum):
    """A part of a case; an evaluator states in ``needs`` which ones it cannot do without."""

    QUERY = "query"
    CONTEXT = "context"
    CONTEXT_IDS = "context_ids"
    ANSWER = "answer"
    EXPECTED = "expected"
    CACHED_QUERY = "cached_query"
    RETRIEVED_IDS = "retrieved_ids"
    RETRIEVED_SCORES = "retrieved_scores"
    RELEVANT_IDS = "relevant_ids"

    @property
    def words(self) -> str:
        """What people call it."""
        return "expected answer" if self is Field.EXPECTED else self.value.replace("_", " ")


_TEXTS = (Field.QUERY, Field.ANSWER, Field.EXPECTED, Field.CACHED_QUERY)
_LISTS = (Field.CONTEXT, Field.CONTEXT_IDS, Field.RETRIEVED_IDS, Field.RELEVANT_IDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question with what was retrieved for it and what was answered.

    Every part may be absent. Passages and ids are ordered best first. Raises TypeError when a part has
    another type than the one given here (a lone string is not taken for a list of passages), and ValueError
    when two lists that belong together differ in length or a score is not a finite number.

    >>> Case(query="Where is Bern?", context=("Bern lies on the Aare.",)).has(Field.ANSWER)
    False
    """

    query: str | None = None
    context: tuple[str, ...] = ()
    context_ids: tuple[str, ...] = ()
    """The id of each passage in ``context``, in its order; empty when they are not known."""
    answer: str | None = None
    expected: str | None = None
    """The answer that was hoped for."""
    cached_query: str | None = None
    """The earlier query whose answer a semantic cache handed out."""
    retrieved_ids: tuple[str, ...] = ()
    retrieved_scores: tuple[float, ...] = ()
    """The retriever's score of each of ``retrieved_ids``, in their order; empty when they are not known."""
    relevant_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in _TEXTS:
            value = getattr(self, field)
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{field} must be a string or None, got {type(value).__name__}")
        for field in _LISTS:
            object.__setattr__(self, field, strings(getattr(self, field), field))
        object.__setattr__(self, "retrieved_scores", numbers(self.retrieved_scores, Field.RETRIEVED_SCORES))
        _check_lengths(Field.CONTEXT_IDS, self.context_ids, Field.CONTEXT, self.context)
        _check_lengths(Field.RETRIEVED_SCORES, self.retrieved_scores, Field.RETRIEVED_IDS, self.retrieved_ids)

    def has(self, field: Field) -> bool:
        """Whether this part is there and holds more than white space."""
        value: str | tuple[str | float, ...] | None = getattr(self, field)
        if value is None:
            return False
        parts = (value,) if isinstance(value, str) else value
        return any(bool(part.strip()) if isinstance(part, str) else True for part in parts)

    @classmethod
    def of_context(cls, context: str | Sequence[str], *, query: str | None, answer: str | None) -> Self:
        """A case whose context is given as one text or as a list of passages."""
        return cls(query=query, context=passages_of(context), answer=answer)


def passages_of(context: str | Sequence[str]) -> tuple[str, ...]:
    """A context given as one text or as a list of passages, as passages; TypeError for anything else."""
    return (context,) if isinstance(context, str) else strings(context, "context")


def strings(value: object, name: str) -> tuple[str, ...]:
    """``value`` as a tuple of strings; TypeError names ``name`` and what was found instead."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of strings, got {type(value).__name__}")
    for index, part in enumerate(value):
        if not isinstance(part, str):
            raise TypeError(f"{name}[{index}] must be a string, got {type(part).__name__}")
    return tuple(value)


def numbers(value: object, name: str) -> tuple[float, ...]:
    """``value`` as a tuple of floats; TypeError and ValueError name ``name`` and what was found instead."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of numbers, got {type(value).__name__}")
    for index, part in enumerate(value):
        if isinstance(part, bool) or not isinstance(part, int | float):
            raise TypeError(f"{name}[{index}] must be a number, got {type(part).__name__}")
        if not math.isfinite(part):
            raise ValueError(f"{name}[{index}] must be a finite number, got {part}")
    return tuple(float(part) for part in value)


def _check_lengths(field: Field, value: Sequence[object], other: Field, others: Sequence[object]) -> None:
    if value and len(value) != len(others):
        raise ValueError(f"{field} must hold one for each of {other}, got {len(value)} for {len(others)}")
