"""The content words of a text, kept so that forms of a word are found by one another."""

from collections.abc import Iterable

from groundtrace_evaluators.tokens import Kind, Token

PREFIX_CHARS = 5
"""Words that share their first five letters count as forms of one word: analyse, analysis, analytic."""

WEIGHTS = {Kind.NUMBER: 2.0, Kind.NAME: 1.5, Kind.WORD: 1.0, Kind.FUNCTION: 0.0}
"""What a missing token costs. An invented figure or name misleads more than a rephrased word."""


def content(tokens: Iterable[Token]) -> list[Token]:
    """The tokens that carry content, in order."""
    return [token for token in tokens if token.kind is not Kind.FUNCTION]


def keys(token: Token) -> tuple[str, ...]:
    """What the token is found by: its form and, for longer words, its first letters."""
    if token.kind is Kind.NUMBER or len(token.form) < PREFIX_CHARS:
        return (token.form,)
    return (token.form, "^" + token.form[:PREFIX_CHARS])


def vocabulary(tokens: Iterable[Token]) -> frozenset[str]:
    """The keys of all content tokens."""
    return frozenset(key for token in content(tokens) for key in keys(token))


def missing(tokens: Iterable[Token], known: frozenset[str]) -> list[Token]:
    """The content tokens that none of whose keys is in ``known``, in order."""
    return [token for token in content(tokens) if not any(key in known for key in keys(token))]


def weight(tokens: Iterable[Token]) -> float:
    """What it costs to miss all these tokens."""
    return sum(WEIGHTS[token.kind] for token in tokens)
