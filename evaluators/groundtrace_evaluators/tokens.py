"""Words, numbers and names of a text, folded so that forms of one word compare equal.

Words of scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) become overlapping pairs of
characters, because without a dictionary their word borders are unknown.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from groundtrace_evaluators.wordlists import FUNCTION_WORDS, NUMBER_WORDS


class Kind(StrEnum):
    """What a token is, which decides how much it matters when it is missing."""

    WORD = "word"
    NAME = "name"
    NUMBER = "number"
    FUNCTION = "function"


class Token(NamedTuple):
    """One unit of a text."""

    text: str
    """As it stands in the normalised text."""
    form: str
    """What it is compared by: a stem, or a number in plain digits."""
    kind: Kind


# Combining marks are part of the word in Indic, Arabic and Hebrew scripts, but not of Python's \w.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f"
)
_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<number>\d+(?:[.,\u066b\u066c]\d+)*)(?P<suffix>st|nd|rd|th)?(?![^\W\d_{_UNSPACED}])"
    rf"|(?P<word>(?:(?![{_UNSPACED}])[^\W_]|[{_MARKS}])+(?:['\u2019](?:(?![{_UNSPACED}])[^\W_])+)?)",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_ARABIC_CLITIC = re.compile(r"^(?:وال|بال|كال|فال|ال|لل)(?=..)")
_DIACRITICS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u0640\u0591-\u05c7]")
_ASCII_WORD = re.compile(r"[a-z]+")


def tokenize(text: str) -> list[Token]:
    """The tokens of ``text`` in order, function words included.

    Runs in time linear in the length of ``text``. A name is a word with a capital letter that does not
    stand at the start of a sentence, or one with several capitals; scripts without capitals have none.

    >>> [(token.form, token.kind.value) for token in tokenize("Sold 1,200 units in Bern")]
    [('sold', 'word'), ('1200', 'number'), ('unit', 'word'), ('in', 'function'), ('bern', 'name')]
    """
    normal = unicodedata.normalize("NFKC", text)
    tokens: list[Token] = []
    for match in _TOKEN.finditer(normal):
        if (run := match["unspaced"]) is not None:
            tokens.extend(Token(pair, pair, Kind.WORD) for pair in character_pairs(run))
        elif (digits := match["number"]) is not None:
            tokens.append(Token(match[0], plain_number(digits), Kind.NUMBER))
        else:
            tokens.append(_word(match[0], starts_sentence(normal, match.start())))
    return tokens


def character_pairs(run: str) -> Iterator[str]:
    """Overlapping pairs of ``run``; a single character stands for itself."""
    if len(run) == 1:
        yield run
    for start in range(len(run) - 1):
        yield run[start : start + 2]


@lru_cache(maxsize=4096)
def plain_number(digits: str) -> str:
    """A number as plain digits, so that ``1,200.50``, ``1200.5`` and Arabic digits compare equal.

    >>> plain_number("1,200.50")
    '1200.5'
    """
    ascii_digits = "".join(str(unicodedata.digit(c, 0)) if c.isdigit() else c for c in digits)
    ascii_digits = ascii_digits.replace("\u066b", ".").replace("\u066c", ",")
    if _GROUPED.fullmatch(ascii_digits):
        ascii_digits = ascii_digits.replace(",", "")
    try:
        value = Decimal(ascii_digits.replace(",", "."))
    except InvalidOperation:  # several points, as in a date or a version
        return ascii_digits
    return format(value.normalize(), "f") if len(ascii_digits) <= 30 else ascii_digits


def starts_sentence(text: str, start: int) -> bool:
    """Whether the word at ``start`` opens a sentence, a line, a quotation or a list item."""
    before = text[max(0, start - 4) : start].rstrip(" \t\"'`\u201c\u2018(*[")
    return not before or before[-1] in ".!?:\n\u2022-"


def _word(text: str, at_start: bool) -> Token:  # noqa: FBT001 - private
    form, is_function, is_number = _fold(text)
    if is_number:
        return Token(text, form, Kind.NUMBER)
    if is_function:
        return Token(text, form, Kind.FUNCTION)
    capital = text[0].isupper() and not at_start
    return Token(
        text, form, Kind.NAME if capital or not text[1:].islower() and _has_upper(text[1:]) else Kind.WORD
    )


def _has_upper(text: str) -> bool:
    return any(character.isupper() for character in text)


@lru_cache(maxsize=65536)
def _fold(text: str) -> tuple[str, bool, bool]:
    """Compared form, whether it is a function word, whether it is a number word."""
    word = text.casefold().replace("\u2019", "'")
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word], False, True
    if word in FUNCTION_WORDS:
        return word, True, False
    word = word.removesuffix("'s").removesuffix("'")
    if _ASCII_WORD.fullmatch(word):
        return stem(word), False, False
    word = _DIACRITICS.sub("", word)
    return _ARABIC_CLITIC.sub("", word) or text, False, False


_SUFFIXES = (
    ("ations", "at"), ("ation", "at"), ("ingly", ""), ("edly", ""), ("ness", ""), ("ments", "ment"),
    ("ies", "y"), ("ied", "y"), ("ing", ""), ("ers", "er"), ("est", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", ""),
)  # fmt: skip
_KEEPS_S = ("ss", "us", "is")


def stem(word: str) -> str:
    """An English word without its inflection; a light, safe stemmer that leaves short words alone.

    >>> [stem(word) for word in ("stopped", "stopping", "stories", "glass", "makes", "making")]
    ['stop', 'stop', 'story', 'glas', 'mak', 'mak']
    """
    if len(word) > 3 and not word.endswith(_KEEPS_S):
        for suffix, replacement in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                word = word[: -len(suffix)] + replacement
                break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == "e" else word
