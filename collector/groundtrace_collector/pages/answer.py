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
    folded, places = _folded(answer)
    most_words = folded.count(" ") + 1
    found: list[Hit] = []
    for score in scores:
        if not judges_answers(score["name"]):
            continue
        place = 0
        for piece in evidence(score)[:_PIECES]:
            # A piece may be a megabyte: what has more words than the answer is not in it.
            wanted = " ".join(piece["text"].split(maxsplit=most_words))
            start = folded.find(wanted, place)
            if start < 0:
                start = folded.find(wanted)
            if not wanted or start < 0:
                continue
            place = start + len(wanted)
            if piece.get("supported") is False:
                found.append((places[start], places[place - 1] + 1, missing_words(piece)))
    return found


def _folded(text: str) -> tuple[str, list[int]]:
    """A text with one blank for each run of white space, as sentences are split, and where its characters stood.

    >>> _folded(" a\\n\\n b")
    ('a b', [1, 2, 5])
    """
    words = list(re.finditer(r"\S+", text))
    places = [place for word in words for place in range(word.start(), word.end() + 1)]
    return " ".join(word[0] for word in words), places[:-1]
