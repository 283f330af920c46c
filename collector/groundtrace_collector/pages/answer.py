"""The answer with the sentences marked that an evaluator found no support for."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from groundtrace_collector.pages.text import clean
from groundtrace_evaluators import registry
from groundtrace_evaluators.case import Field
from groundtrace_evaluators.errors import EvaluatorLoadError, UnknownEvaluatorError

Piece = Mapping[str, Any]
Hit = tuple[int, int, tuple[str, ...]]
"""Start and end of a piece in the answer, and its missing words."""

_WORDS = 12
_PIECES = 200
_FOLDED_CHARS = 2_000
"""Longer pieces are looked for as they are: a pattern of them would cost more than it finds."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the answer."""

    text: str
    unsupported: bool
    missing: tuple[str, ...] = ()
    """Its words and numbers that the context does not have."""


def segments(answer: str, scores: Iterable[Mapping[str, Any]]) -> tuple[Segment, ...]:
    """Cut the answer at the unsupported pieces of evidence of every score that judges answers.

    ``scores`` are the API's, evidence as a list of objects with ``text``, ``supported`` and ``missing``;
    a piece that does not occur in the answer is left out.
    """
    found = sorted(_located(answer, scores), key=lambda hit: hit[0])
    cuts = sorted({0, len(answer), *(place for start, end, _ in found for place in (start, end))})
    stretches = []
    for start, end in pairwise(cuts):
        inside = [missing for first, last, missing in found if first <= start and end <= last]
        words = dict.fromkeys(word for missing in inside for word in missing)
        missing_here = tuple(words)[:_WORDS]
        stretches.append(Segment(answer[start:end], unsupported=bool(inside), missing=missing_here))
    return tuple(stretches)


def evidence(score: Mapping[str, Any]) -> tuple[Piece, ...]:
    """A score's evidence where it has the shape of our evaluators' (any client may send another)."""
    pieces = score.get("evidence")
    if not isinstance(pieces, Sequence) or isinstance(pieces, str):
        return ()
    return tuple(
        piece for piece in pieces if isinstance(piece, Mapping) and isinstance(piece.get("text"), str)
    )


def missing_words(piece: Piece) -> tuple[str, ...]:
    """The words of a piece of evidence that were looked for and not found: the first dozen."""
    words = piece.get("missing")
    if not isinstance(words, Sequence) or isinstance(words, str):
        return ()
    return tuple(clean(str(word)[:60]) for word in words[:_WORDS])


@cache
def judges_answers(name: str) -> bool:
    """Whether this evaluator's evidence speaks of the answer; an unknown one is taken to."""
    try:
        return Field.ANSWER in registry.get(name).needs
    except (UnknownEvaluatorError, EvaluatorLoadError):
        return True


def _located(answer: str, scores: Iterable[Mapping[str, Any]]) -> list[Hit]:
    found: list[Hit] = []
    for score in scores:
        if not judges_answers(score["name"]):
            continue
        place = 0
        for piece in evidence(score)[:_PIECES]:
            hit = _find(piece["text"], answer, place) or _find(piece["text"], answer, 0)
            if hit is None:
                continue
            place = hit[1]
            if piece.get("supported") is False:
                found.append((*hit, missing_words(piece)))
    return found


def _find(text: str, answer: str, start: int) -> tuple[int, int] | None:
    """Where a piece stands in the answer; white space may differ, as sentences are split after folding it."""
    if not text.strip() or len(text) > len(answer):
        return None
    place = answer.find(text, start)
    if place >= 0:
        return place, place + len(text)
    if len(text) > _FOLDED_CHARS:
        return None
    match = re.compile(r"\s+".join(map(re.escape, text.split()))).search(answer, start)
    return match.span() if match else None
