"""Foreign text without what people cannot see, and folded so that quotes of it can be found."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_KEPT_CONTROLS: Final = frozenset("\n\t")
_UNSEEN: Final = frozenset({"Cf", "Cc", "Cs", "Co", "Cn"})
# Variation selectors and the Hangul and Braille fillers are letters or marks, and show nothing.
_BLANKS: Final = re.compile("[\u115f\u1160\u3164\uffa0\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_UNIT: Final = re.compile(
    rf"\d+(?:[.,\u066b\u066c]\d+)*|[{_UNSPACED}\U00020000-\U0003134f]|(?:(?![{_UNSPACED}])[^\W\d_])+"
)
_ELLIPSIS: Final = re.compile(r"\[?\(?(?:\.{3,}|\u2026)\)?\]?")
MIN_UNITS: Final = 2
"""A quote, and each part of one with an ellipsis, has at least so many words."""


def visible(text: str) -> str:
    """The text without zero-width, bidirectional, tag and control characters; line ends and tabs stay.

    >>> visible("sc\u200bore\u202e=1\U000e0041")
    'score=1'
    """
    if text.isascii() and text.isprintable():
        return text
    seen = _BLANKS.sub("", text)
    return "".join(c for c in seen if c in _KEPT_CONTROLS or unicodedata.category(c) not in _UNSEEN)


def units(text: str) -> list[str]:
    """The words and numbers of a text in one case and form, marks and punctuation aside.

    Scripts without spaces give one unit a character.

    >>> units("It cost $1,200.50 \u2014 Caf\u00e9!")
    ['it', 'cost', '1,200.50', 'cafe']
    """
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", visible(text)).casefold())
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    return _UNIT.findall(unicodedata.normalize("NFC", bare))


def stands_in(quote: str, passage: Sequence[str]) -> bool:
    """Whether the quote stands in the passage (its ``units``) word for word.

    Case, white space and punctuation may differ, and parts may be left out with an ellipsis, in order. A
    quote of fewer than ``MIN_UNITS`` words supports nothing, unless it is the whole passage.

    >>> passage = units("The bridge, built in 1931, is unable to carry trains.")
    >>> [stands_in(quote, passage) for quote in ("built in 1931", "The bridge \u2026 carry trains", "able to carry")]
    [True, True, False]
    """
    parts = [part for part in map(units, _ELLIPSIS.split(quote)) if part]
    if not parts or (any(len(part) < MIN_UNITS for part in parts) and parts != [list(passage)]):
        return False
    place = 0
    for part in parts:
        place = _after(part, passage, place)
        if place < 0:
            return False
    return True


def _after(part: Sequence[str], passage: Sequence[str], start: int) -> int:
    """The place behind the first occurrence of ``part`` from ``start`` on, or -1."""
    first, size = part[0], len(part)
    for place in range(start, len(passage) - size + 1):
        if passage[place] == first and passage[place : place + size] == part:
            return place + size
    return -1
