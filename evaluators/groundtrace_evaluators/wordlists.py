"""Closed classes of English words that the lexical evaluators treat apart."""

from importlib.resources import files


def read_words(name: str) -> frozenset[str]:
    """The words of a list beside this module; lines that start with ``#`` are comments."""
    text = (files(__package__) / name).read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


def read_forms(name: str) -> dict[str, str]:
    """Each further word of a line to its first, from a list beside this module."""
    text = (files(__package__) / name).read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {other: first for first, *others in lines for other in others}


FUNCTION_WORDS = read_words("function_words.txt")
"""Words that carry grammar, not content."""

COMMON_WORDS = read_words("common_words.txt")
"""Everyday words, in dictionary form, that say little about a particular subject."""

BASE_FORMS = read_forms("word_forms.txt") | read_forms("abbreviations.txt")
"""Irregular forms, abbreviations and symbols, and the word that each is compared as."""

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth"),
)

NUMBER_WORDS: dict[str, str] = (
    {word: str(value) for value, word in enumerate(_SMALL)}
    | {word: str(10 * value) for value, word in enumerate(_TENS, start=2)}
    | {word: str(value) for value, word in enumerate(_ORDINALS, start=1)}
    | {"hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000"}
    | {"trillion": "1000000000000"}
    | {"once": "1", "twice": "2", "dozen": "12"}
)
"""English number words and the digits they stand for; ordinals fold onto their number."""

SMALL_COUNTS = frozenset(_SMALL[1:11] + _ORDINALS[:10] + ("once", "twice"))
"""Number words that mostly count what was just listed ("two films", "the first"), or mean no number at all
("one of them"); as digits they are figures."""

TENS = frozenset(_TENS)
UNITS = frozenset(_SMALL[1:10])
MAGNITUDES = frozenset(("hundred", "thousand", "million", "billion", "trillion"))
