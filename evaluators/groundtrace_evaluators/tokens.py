"""Words, numbers and names of a text, folded so that forms of one word compare equal.

Scripts that write no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and Korean, which
glues particles to them, become overlapping pairs of characters: without a dictionary their word borders are
unknown.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from groundtrace_evaluators.stem import stem
from groundtrace_evaluators.wordlists import (
    BASE_FORMS,
    COMMON_WORDS,
    FUNCTION_WORDS,
    MAGNITUDES,
    NUMBER_WORDS,
    SMALL_COUNTS,
    TENS,
    UNITS,
)


class Kind(StrEnum):
    """What a token is, which decides how much it matters."""

    WORD = "word"
    COMMON = "common"
    NAME = "name"
    NUMBER = "number"
    FUNCTION = "function"


class Token(NamedTuple):
    """One unit of a text."""

    text: str
    """As it stands in the normalised text."""
    form: str
    """What it is compared by: the first letters of a stem, a pair of characters, or plain digits."""
    kind: Kind


FORM_CHARS = 5
"""Words that share the first five letters of their stem count as one: analyse, analysis, analytic."""

# Combining marks are part of the word in Indic, Arabic and Hebrew scripts, but not of Python's \w.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
_SPECIAL = re.compile(f"[{_UNSPACED}{_MARKS}]")


def _token_pattern(letter: str, unspaced: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<unspaced>{unspaced})"
        r"|(?P<number>\d+(?:[.,\u066b\u066c]\d+)*)(?:(?:st|nd|rd|th)\b)?"
        r"|(?P<symbol>[%$\u20ac\u00a3\u00a5]|\u00b0(?:\s?[FC]\b)?)"
        r"|(?P<initials>(?:[A-Za-z]\.){2,})"
        rf"|(?P<word>n['\u2019]t\b|(?!\d){letter}+(?:['\u2019]{letter}+)?)",
        re.IGNORECASE,
    )


_TOKEN = _token_pattern(rf"(?:(?![{_UNSPACED}])[^\W_]|[{_MARKS}])", rf"[{_UNSPACED}]+")
# Most text has neither marks nor unspaced scripts, and this pattern reads it several times faster.
_PLAIN_TOKEN = _token_pattern(r"[^\W_]", r"(?!)")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_DIACRITICS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u0640\u0591-\u05c7]")
_ARABIC_CLITIC = re.compile(
    "^(?:\u0648\u0627\u0644|\u0628\u0627\u0644|\u0643\u0627\u0644|\u0641\u0627\u0644|\u0627\u0644|\u0644\u0644)(?=..)"
)
_ASCII_WORD = re.compile(r"[a-z]+")
_MAX_DIGITS = 30
_JOINTS = (" ", "-")
_SCALES = {"F": "fahrenheit", "C": "celsius"}


def tokenize(text: str) -> list[Token]:
    """The tokens of ``text`` in order, function words included; time linear in its length.

    A name is a word with a capital letter that does not open a sentence, or with a capital further in;
    scripts without capitals have none. A number's form is its value; number words become digits.

    >>> [(token.form, token.kind.value) for token in tokenize("It sold 1,200 units in Bern")]
    [('it', 'function'), ('sel', 'word'), ('1200', 'number'), ('unit', 'word'), ('in', 'function'), ('bern', 'name')]
    """
    normal = unicodedata.normalize("NFKC", text)
    tokens: list[Token] = []
    end = 0
    for match in _matches(normal):
        kind, piece = match.lastgroup, match[0]
        gap, end = normal[end : match.start()], match.end()
        if tokens and gap in _JOINTS and (kind == "number" or piece.casefold() in NUMBER_WORDS):
            whole = _one_number(tokens[-1], gap, piece)
            if whole is not None:
                tokens[-1] = whole
                continue
        if kind == "symbol":
            tokens.extend(_symbol(piece))
        elif kind == "unspaced":
            tokens.extend(Token(pair, pair, Kind.WORD) for pair in character_pairs(piece))
        elif kind == "number":
            tokens.append(Token(piece, plain_number(match["number"]), Kind.NUMBER))
        elif kind == "initials":
            tokens.append(Token(piece, piece.replace(".", "").casefold(), Kind.NAME))
        else:
            tokens.append(_word(piece, normal, match.start()))
    return tokens


def _one_number(left: Token, gap: str, right: str) -> Token | None:
    """``12.2 million``, ``twenty-one`` and ``two hundred`` as one number; None where two stay two."""
    first, second = left.text.casefold(), right.casefold()
    if second in MAGNITUDES and gap == " " and left.form.replace(".", "", 1).isdecimal():
        value = Decimal(left.form) * Decimal(NUMBER_WORDS[second])
    elif first in TENS and second in UNITS:
        value = Decimal(left.form) + Decimal(NUMBER_WORDS[second])
    else:
        return None
    return Token(f"{left.text}{gap}{right}", format(value.normalize(), "f"), Kind.NUMBER)


def _symbol(piece: str) -> Iterator[Token]:
    """``%`` as percent, ``$`` as dollar, ``\u00b0F`` as degree and fahrenheit.

    A sign vouches for its word, but need not be vouched for: tokenised texts often lose them.
    """
    for sign in filter(str.strip, piece):
        form, _ = _fold(BASE_FORMS.get(sign, _SCALES.get(sign, sign)))
        yield Token(sign, form, Kind.FUNCTION)


def words(text: str) -> list[str]:
    """The words, numbers and unspaced runs of ``text`` in lower case, as they are written.

    >>> words("Bern's 3 towers!")
    ["bern's", '3', 'towers']
    """
    return [
        match[0].casefold()
        for match in _matches(unicodedata.normalize("NFKC", text))
        if match.lastgroup != "symbol"
    ]


def character_pairs(run: str) -> Iterator[str]:
    """Overlapping pairs of ``run``; a single character stands for itself."""
    if len(run) == 1:
        yield run
    for start in range(len(run) - 1):
        yield run[start : start + 2]


@lru_cache(maxsize=4096)
def plain_number(digits: str) -> str:
    """A number as plain digits, so that ``1,200.50``, ``1200.5`` and Arabic digits compare equal.

    >>> plain_number("1,200.50"), plain_number("3.10.2")
    ('1200.5', '3.10.2')
    """
    plain = "".join(str(unicodedata.decimal(c, c)) for c in digits)
    plain = plain.replace("\u066b", ".").replace("\u066c", ",")
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if len(plain) > _MAX_DIGITS:
        return plain
    try:
        return format(Decimal(plain.replace(",", ".")).normalize(), "f")
    except InvalidOperation:  # several points, as in a date or a version
        return plain


def opens_sentence(text: str, start: int) -> bool:
    """Whether the word at ``start`` opens a sentence, a line, a quotation or a list item."""
    before = text[max(0, start - 4) : start].rstrip(" \t\"'`\u201c\u2018(*[")
    return not before or before[-1] in ".!?:\n\u2022-"


def _matches(normal: str) -> Iterator[re.Match[str]]:
    return (_TOKEN if _SPECIAL.search(normal) else _PLAIN_TOKEN).finditer(normal)


def _word(word: str, text: str, start: int) -> Token:
    form, kind = _fold(word)
    if kind is not Kind.WORD or word.islower():
        return Token(word, form, kind)
    inner_capital = word[1:] != word[1:].lower()
    named = inner_capital or (word[0].isupper() and not opens_sentence(text, start))
    return Token(word, form, Kind.NAME if named else Kind.WORD)


@lru_cache(maxsize=65536)
def _fold(text: str) -> tuple[str, Kind]:
    word = text.casefold().replace("\u2019", "'")
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word], Kind.COMMON if word in SMALL_COUNTS else Kind.NUMBER
    if word in FUNCTION_WORDS:
        return word, Kind.FUNCTION
    word = word.removesuffix("'s").removesuffix("'")
    word = BASE_FORMS.get(word, word)
    if _ASCII_WORD.fullmatch(word):
        form = stem(word)
        return form[:FORM_CHARS], Kind.COMMON if form in _COMMON_STEMS else Kind.WORD
    bare = _ARABIC_CLITIC.sub("", _DIACRITICS.sub("", word))
    return (bare or word)[:FORM_CHARS], Kind.WORD


_COMMON_STEMS = frozenset(map(stem, COMMON_WORDS))
