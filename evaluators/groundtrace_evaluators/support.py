"""What a context can vouch for: its words, its neighbouring words, and which sentence says what."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from groundtrace_evaluators.sentences import split_sentences
from groundtrace_evaluators.tokens import Kind, Token, tokenize

WEIGHTS = {Kind.NAME: 2.0, Kind.NUMBER: 2.0, Kind.WORD: 1.0, Kind.COMMON: 0.5, Kind.FUNCTION: 0.0}
"""What a token is worth: a wrong name or figure misleads more than a word put differently, and an everyday
word says least."""

MAX_PLACES = 400
"""A word in more context sentences than this does not tell them apart; bounds the work on long contexts."""

_GROUP_DIGITS = 3
_ACRONYM_CHARS = range(2, 7)


class Support:
    """An index of one context, built once in linear time and asked about one claim at a time.

    What the query says is known everywhere: an answer may repeat it.
    """

    def __init__(self, passages: Sequence[str], query: str = "") -> None:
        self._passages: list[int] = []
        self._pairs: set[tuple[str, str]] = set()
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        asked = tokenize(query)
        self._asked = {token.form for token in asked}
        self._pairs.update(_neighbours(asked))
        for passage, text in enumerate(passages):
            for sentence in split_sentences(text):
                self._add(tokenize(sentence), passage)

    def _add(self, tokens: list[Token], passage: int) -> None:
        place = len(self._passages)
        self._passages.append(passage)
        self._pairs.update(_neighbours(tokens))
        for form in {token.form for token in tokens} | _spaced_numbers(tokens) | _initials(tokens):
            self._places[form].append(place)

    def knows(self, token: Token) -> bool:
        """Whether the word occurs anywhere in the context or the query."""
        return token.form in self._asked or token.form in self._places

    def telling(self, tokens: Iterable[Token]) -> list[Token]:
        """The content tokens that the query does not say already, in order."""
        return [token for token in content(tokens) if token.form not in self._asked]

    def missing(self, tokens: Iterable[Token]) -> list[Token]:
        """The content tokens that the context does not hold, in order."""
        return [token for token in content(tokens) if not self.knows(token)]

    def strange_pairs(self, tokens: Sequence[Token]) -> float:
        """How many neighbouring words never meet in the context.

        Mean of two counts: neighbours as written, and neighbours once function words are left out. It
        finds sentences that fuse things which the context says apart.
        """
        written = sum(pair not in self._pairs for pair in _adjacent(tokens))
        bare = sum(pair not in self._pairs for pair in _adjacent(content(tokens)))
        return (written + bare) / 2

    def closest(self, tokens: Iterable[Token]) -> tuple[float, int | None]:
        """Weight of the content tokens that even the best single sentence lacks, and its passage's index.

        The passage is None when no sentence shares a telling word.
        """
        total = 0.0
        covered: defaultdict[int, float] = defaultdict(float)
        for token in content(tokens):
            places = self._places.get(token.form, ())
            if token.form in self._asked or len(places) > MAX_PLACES:
                continue
            total += WEIGHTS[token.kind]
            for place in places:
                covered[place] += WEIGHTS[token.kind]
        if not covered:
            return total, None
        best = max(covered, key=lambda place: (covered[place], -place))
        return max(0.0, total - covered[best]), self._passages[best]


def content(tokens: Iterable[Token]) -> list[Token]:
    """The tokens that carry content, in order."""
    return [token for token in tokens if token.kind is not Kind.FUNCTION]


def weight(tokens: Iterable[Token]) -> float:
    """What it costs to miss all these tokens, each form once."""
    return sum({token.form: WEIGHTS[token.kind] for token in tokens}.values())


def coverage(tokens: Sequence[Token], support: Support) -> float:
    """Weighted share, in [0, 1], of what the tokens say beyond the query that the context holds anywhere.

    1.0 for tokens that say nothing beyond the query.
    """
    total = weight(support.telling(tokens))
    return max(0.0, 1.0 - weight(support.missing(tokens)) / total) if total else 1.0


def _spaced_numbers(tokens: Sequence[Token]) -> set[str]:
    """Numbers that a tokenised text has torn apart: ``36, 000`` is also 36000, and ``98. 7`` also 98.7."""
    joined: set[str] = set()
    for left, right in pairwise(tokens):
        if left.text.isdecimal() and right.text.isdecimal():
            joined.add(f"{left.form}.{right.form}")
            if len(right.text) == _GROUP_DIGITS and len(left.text) <= _GROUP_DIGITS:
                joined.add(left.form + right.text)
    return joined


def _initials(tokens: Sequence[Token]) -> set[str]:
    """What names of several words are shortened to: ``United Kingdom`` vouches for ``UK``.

    Small words inside a name are passed over, as in ``Bank of England``.
    """
    found: set[str] = set()
    letters = ""
    for token in tokens:
        if token.kind is not Kind.FUNCTION and token.text[0].isupper():
            letters += token.text[0].casefold()
        elif token.kind is not Kind.FUNCTION or not letters:
            found.add(letters)
            letters = ""
    return {each for each in (*found, letters) if len(each) in _ACRONYM_CHARS}


def _adjacent(tokens: Sequence[Token]) -> Iterable[tuple[str, str]]:
    return pairwise(token.form for token in tokens)


def _neighbours(tokens: Sequence[Token]) -> Iterable[tuple[str, str]]:
    yield from _adjacent(tokens)
    yield from _adjacent(content(tokens))
