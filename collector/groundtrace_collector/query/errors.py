"""What a reader can get wrong, as answers of the API (400) that say which word and what to write instead.

ApiError
└── QueryError              a question that cannot be answered as asked
    └── WhereError          a where-expression, with the word and its position
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from groundtrace_collector.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable


class QueryError(ApiError):
    """A parameter of a question that is wrong; ``code`` names the parameter or the rule."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(400, code, message)


class WhereError(QueryError):
    """A where-expression outside the language; ``position`` counts characters from 1."""

    def __init__(self, problem: str, *, word: str, position: int) -> None:
        super().__init__("invalid_where", f"{problem} (at position {position})")
        self.word = word
        self.position = position


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the known word nearest to ``word``, or nothing when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
