"""Contexts that are too long for one call, in as many windows as they need; nothing is cut off."""

from collections.abc import Sequence
from typing import NamedTuple

from groundtrace_evaluators.sentences import split_sentences


class Piece(NamedTuple):
    """A passage, or a part of one."""

    passage: int
    """Index of its passage in the case, from 0."""
    text: str


def windows(passages: Sequence[str], limit_chars: int) -> list[list[Piece]]:
    """The passages in order, in windows of at most ``limit_chars``.

    A passage that does not fit into one window is parted between sentences; each part opens with the last
    sentence of the one before, so that what two neighbours say together stands together once.

    >>> [[piece.text for piece in window] for window in windows(["aa", "bbb", "c"], 5)]
    [['aa', 'bbb'], ['c']]
    """
    found: list[list[Piece]] = []
    room = 0
    for index, passage in enumerate(passages):
        for text in parts(passage, limit_chars) if passage.strip() else ():
            if not found or len(text) > room:
                found.append([])
                room = limit_chars
            found[-1].append(Piece(index, text))
            room -= len(text)
    return found


def parts(text: str, limit_chars: int) -> list[str]:
    """The text as it is, or in parts of at most ``limit_chars``."""
    if len(text) <= limit_chars:
        return [text]
    done: list[str] = []
    current: list[str] = []
    size = 0
    for sentence in _sentences(text, limit_chars // 2):
        if current and size + len(sentence) + 1 > limit_chars:
            done.append(" ".join(current))
            current = current[-1:]
            size = len(current[0])
            if size + len(sentence) + 1 > limit_chars:
                current, size = [], 0
        current.append(sentence)
        size += len(sentence) + 1
    return [*done, " ".join(current)]


def _sentences(text: str, limit_chars: int) -> list[str]:
    return [
        sentence[start : start + limit_chars]
        for sentence in split_sentences(text)
        for start in range(0, len(sentence), limit_chars)
    ]
