"""From the text of a where-expression to a small tree, or to the error that names the word.

sqlglot tokenises and parses. Before it parses, every token outside the language is refused where it
stands and every name becomes a plain name, so the parser meets only names, literals, comparisons and
brackets, never a statement, a function or a keyword that a field happens to be called.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from groundtrace_collector.query.errors import WhereError, suggestion
from groundtrace_collector.query.fields import FIELD_NAMES, KEYED_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

MAX_CHARACTERS = 20_000
MAX_TOKENS = 4_000
MAX_DEPTH = 40
"""Nesting of brackets and of `not`; sqlglot's parser and ours recurse."""

Value: TypeAlias = "str | float | bool"
Node: TypeAlias = "Comparison | Negation | Conjunction | Disjunction"


class Op(StrEnum):
    """How a field is compared."""

    EQ = "="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    BETWEEN = "between"
    LIKE = "like"
    ILIKE = "ilike"
    NULL = "is null"
    TRUE = "is true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One field against literals; ``key`` is the KEY or NAME of a field that takes one."""

    name: str
    key: str | None
    op: Op
    values: tuple[Value, ...]
    position: int

    @property
    def word(self) -> str:
        """The field as the user would write it."""
        return self.name if self.key is None else f"{self.name}.{self.key}"


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite of ``operand``."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Every operand holds."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Disjunction:
    """At least one operand holds."""

    operands: tuple[Node, ...]


def parse_where(text: str) -> Node:
    """The tree of ``text``; raises WhereError, and nothing else, for any other text."""
    if len(text) > MAX_CHARACTERS:
        raise WhereError(
            f"the expression has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read",
            word="",
            position=MAX_CHARACTERS + 1,
        )
    if "\0" in text or not _is_unicode(text):
        raise WhereError("the expression holds a character that cannot be stored", word="", position=1)
    tokens = list(_allowed(text, _tokens(text)))
    if not tokens:
        raise WhereError("the expression is empty", word="", position=1)
    parser = ClickHouse().parser(error_message_context=len(text))
    try:
        tree = parser.parse_into(exp.Condition, tokens, text)[0]
    except ParseError as error:
        raise _parse_error(text, error) from None
    if not isinstance(tree, exp.Expr):
        raise WhereError("the expression is empty", word="", position=1)
    return _Reader(text).node(tree)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- tokens -----------------------------------------------------------------------------------------------

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.)*`""", re.DOTALL)
_KEYWORDS = {"and", "or", "not", "in", "like", "ilike", "is", "null", "between", "true", "false"}
_SYMBOLS = {"=", "==", "!=", "<>", "<", "<=", ">", ">=", "(", ")", "[", "]", ",", ".", "-"}
_OPENING = {TokenType.L_PAREN, TokenType.NOT}
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def _tokens(text: str) -> list[Token]:
    try:
        tokens = ClickHouse().tokenize(text)
    except TokenError:
        position = _open_quote(text)
        word = text[position - 1 : position + 20]
        raise WhereError(f"{word!r} is not closed or cannot be read", word=word, position=position) from None
    if len(tokens) > MAX_TOKENS:
        start = tokens[MAX_TOKENS].start
        raise WhereError(
            f"the expression has {len(tokens):,} words; at most {MAX_TOKENS:,} are read",
            word="",
            position=start + 1,
        )
    return tokens


def _open_quote(text: str) -> int:
    """Where the quote or comment that never ends begins, counted from 1; 1 when none is found."""
    opening = re.search(r"['\"`]|/\*", _without_strings(text))
    return opening.start() + 1 if opening else 1


def _without_strings(text: str) -> str:
    """``text`` with blanks in place of everything quoted; positions stay."""
    return _QUOTED.sub(lambda found: " " * len(found[0]), text)


def _allowed(text: str, tokens: list[Token]) -> Iterator[Token]:
    """Each token of the language, names made plain; raises on the first one outside it."""
    depth = 0
    for index, token in enumerate(tokens):
        source = text[token.start : token.end + 1]
        if token.comments:
            raise WhereError(
                "comments are not part of a where-expression", word=source, position=token.start + 1
            )
        before = tokens[index - 1].token_type if index else None
        kept = _kept(token, source, before)
        if kept is None or (source == "-" and not _is_sign(tokens, index)):
            raise _outside(source, token.start)
        if kept.token_type in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                raise WhereError(
                    f"more than {MAX_DEPTH} brackets and nots", word=source, position=token.start + 1
                )
        yield kept


def _kept(token: Token, source: str, before: TokenType | None) -> Token | None:
    """``token`` as the parser may see it, or None when the language has no such word."""
    if token.token_type in {TokenType.STRING, TokenType.IDENTIFIER}:
        return token
    if before is TokenType.DOT and _WORD.fullmatch(source):
        return _plain(token, source)
    if token.token_type is TokenType.NUMBER:
        return token if _NUMBER.fullmatch(source) else None
    if source in _SYMBOLS or (source.lower() in _KEYWORDS and _WORD.fullmatch(source)):
        return token
    return _plain(token, source) if _WORD.fullmatch(source) else None


def _plain(token: Token, source: str) -> Token:
    return Token(TokenType.VAR, source, token.line, token.col, token.start, token.end)


def _is_sign(tokens: list[Token], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].token_type in {TokenType.NUMBER, TokenType.DOT}


def _outside(source: str, start: int) -> WhereError:
    hint = "; a key with other characters goes in brackets: metadata['doc-family']" if source == "-" else ""
    return WhereError(f"{source!r} is not part of a where-expression{hint}", word=source, position=start + 1)


def _parse_error(text: str, error: ParseError) -> WhereError:
    first = error.errors[0] if error.errors else {}
    word = str(first.get("highlight") or "")
    position = len(str(first.get("start_context") or "")) + 1
    if not word or text[position - 1 : position - 1 + len(word)] != word:
        return WhereError(
            "the expression ends too early or cannot be read", word="", position=len(text.rstrip()) + 1
        )
    if text.rstrip().endswith(word) and (word in _SYMBOLS - {")", "]"} or word.lower() in _KEYWORDS):
        return WhereError(f"something is missing after {word!r}", word=word, position=position)
    return WhereError(f"{word!r} is not expected here", word=word, position=position)


# --- tree -------------------------------------------------------------------------------------------------

_COMPARISONS: dict[type[exp.Expr], tuple[Op, bool]] = {
    exp.EQ: (Op.EQ, False),
    exp.NEQ: (Op.EQ, True),
    exp.LT: (Op.LT, False),
    exp.LTE: (Op.LE, False),
    exp.GT: (Op.GT, False),
    exp.GTE: (Op.GE, False),
    exp.Like: (Op.LIKE, False),
    exp.ILike: (Op.ILIKE, False),
}


class _Reader:
    """Reads sqlglot's tree of one text; the text is kept for the words of errors."""

    def __init__(self, text: str) -> None:
        self._text = text

    def node(self, tree: exp.Expr) -> Node:
        """The condition that ``tree`` is."""
        if isinstance(tree, exp.Paren):
            return self.node(tree.this)
        if isinstance(tree, exp.Not):
            return Negation(self.node(tree.this))
        if isinstance(tree, exp.And | exp.Or):
            operands = tuple(self.node(operand) for operand in tree.flatten(unnest=False))
            return Conjunction(operands) if isinstance(tree, exp.And) else Disjunction(operands)
        found = self._comparison(tree)
        # sqlglot keeps the `not` of `x not like y` in the comparison itself.
        return Negation(found) if tree.args.get("negate") else found

    def _comparison(self, tree: exp.Expr) -> Node:
        if type(tree) in _COMPARISONS:
            op, negated = _COMPARISONS[type(tree)]
            found = self._test(tree.this, op, (tree.expression,))
            return Negation(found) if negated else found
        if isinstance(tree, exp.In):
            return self._test(tree.this, Op.IN, self._list(tree))
        if isinstance(tree, exp.Between):
            return self._test(tree.this, Op.BETWEEN, (tree.args["low"], tree.args["high"]))
        if isinstance(tree, exp.Is):
            return self._is(tree)
        if isinstance(tree, exp.Literal | exp.Boolean | exp.Null | exp.Neg):
            raise self._error(tree, "a value stands alone: compare a field with it")
        return self._test(tree, Op.TRUE, ())

    def _is(self, tree: exp.Is) -> Node:
        if isinstance(tree.expression, exp.Null):
            return self._test(tree.this, Op.NULL, ())
        if isinstance(tree.expression, exp.Boolean):
            return self._test(tree.this, Op.EQ, (tree.expression,))
        raise self._error(tree.expression, "write `is null` or `is not null`")

    def _list(self, tree: exp.In) -> tuple[exp.Expr, ...]:
        values = tuple(tree.expressions)
        if not values:
            raise self._error(tree, "`in` takes a list of values in brackets: in ('a', 'b')")
        return values

    def _test(self, field: exp.Expr, op: Op, values: tuple[exp.Expr, ...]) -> Comparison:
        name, key, position = self._field(field)
        return Comparison(
            name=name, key=key, op=op, values=tuple(self._value(value) for value in values), position=position
        )

    def _field(self, tree: exp.Expr) -> tuple[str, str | None, int]:
        names = self._names(tree)
        word, position = self._where(tree)
        name = names[0].lower()
        if name not in FIELD_NAMES:
            known = f"the fields are {', '.join(FIELD_NAMES)}"
            problem = f"unknown field {names[0]!r}{suggestion(name, FIELD_NAMES)}; {known}"
            raise WhereError(problem, word=names[0], position=position)
        takes_key = name in KEYED_FIELDS or name == "attributes"
        key = ".".join(names[1:]) if len(names) > 1 else None
        if takes_key and not key:
            raise WhereError(f"{name} needs a key: {name}['KEY']", word=word, position=position)
        if key is not None and not takes_key:
            raise WhereError(f"{name} has no part {key!r}", word=word, position=position)
        return name, key, position

    def _names(self, tree: exp.Expr) -> list[str]:
        if isinstance(tree, exp.Bracket) and len(tree.expressions) == 1:
            index = tree.expressions[0]
            if isinstance(index, exp.Literal) and index.is_string and isinstance(tree.this, exp.Column):
                return [*self._names(tree.this), str(index.this)]
        if isinstance(tree, exp.Column | exp.Dot):
            parts = tree.parts
            if all(isinstance(part, exp.Identifier) for part in parts):
                return [part.name for part in parts]
        if isinstance(tree, exp.Literal | exp.Boolean | exp.Null | exp.Neg):
            raise self._error(tree, "the field goes on the left, the value on the right")
        raise self._error(tree, "expected a field")

    def _value(self, tree: exp.Expr) -> Value:
        if isinstance(tree, exp.Literal):
            return str(tree.this) if tree.is_string else self._number(tree, str(tree.this))
        if isinstance(tree, exp.Neg) and isinstance(tree.this, exp.Literal) and not tree.this.is_string:
            return -self._number(tree, str(tree.this.this))
        if isinstance(tree, exp.Boolean):
            return bool(tree.this)
        if isinstance(tree, exp.Null):
            raise self._error(tree, "null matches neither way: write `is null` or `is not null`")
        raise self._error(tree, "expected a value: text in single quotes, a number, true or false")

    def _number(self, tree: exp.Expr, digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise self._error(tree, "the number is too large")
        return number

    def _error(self, tree: exp.Expr, problem: str) -> WhereError:
        word, position = self._where(tree)
        return WhereError(f"{problem}, got {word!r}" if word else problem, word=word, position=position)

    def _where(self, tree: exp.Expr) -> tuple[str, int]:
        """The first word of ``tree`` in the text and its position; the end of the text when unknown."""
        found = [(part.meta["start"], part.meta["end"]) for part in tree.walk() if "start" in part.meta]
        if isinstance(tree, exp.Null | exp.Boolean):  # sqlglot keeps no position for these
            word = "null" if isinstance(tree, exp.Null) else str(bool(tree.this))
            seen = re.search(rf"\b{word}\b", _without_strings(self._text), re.IGNORECASE)
            found = [(seen.start(), seen.end() - 1)] if seen else []
        if not found:
            return "", len(self._text.rstrip()) + 1
        start, end = min(found)
        return self._text[start : end + 1], start + 1
