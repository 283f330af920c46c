"""A user's SQL, made safe to run: one SELECT over known tables and functions, filtered to one project.

The engine cannot be trusted with the user's text: its ``readonly`` stops neither ``INTO OUTFILE`` nor a
second statement, functions read files and dictionaries, and the store has no users of its own. So the text
is parsed, checked against what is allowed (never against what is forbidden), and SQL is rendered anew from
the checked tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import SqlglotError
from sqlglot.parsers.clickhouse import ClickHouseParser
from sqlglot.tokenizer_core import Token, TokenType

from groundtrace_collector.errors import ApiError
from groundtrace_collector.query.sql_functions import ANY_CASE, FUNCTIONS, TAKING_A_FUNCTION

# Tables a user may read. Rows that are replaced are read with FINAL; spans can be stored twice when a
# client retries, so they are taken once. Digests are text, not the bytes of a FixedString.
TABLES: dict[str, str] = {
    "traces": "SELECT * FROM traces FINAL",
    "otel_traces": "SELECT * FROM otel_traces",
    "retrieved_documents": "SELECT * FROM retrieved_documents",
    "scores": "SELECT * FROM scores FINAL",
    "feedback": "SELECT * FROM feedback FINAL",
    "ledger": "SELECT * FROM ledger FINAL",
    "datasets": "SELECT * FROM datasets FINAL",
    "dataset_members": "SELECT * EXCEPT (Digest), toString(Digest) AS Digest FROM dataset_members FINAL",
    "dataset_rows": "SELECT * EXCEPT (Digest), toString(Digest) AS Digest FROM dataset_rows FINAL",
}
LONGEST_TEXT = 20_000

# With every identifier quoted, a bare word before "(" in rendered SQL is a function or one of these, which
# sqlglot writes in capitals.
_KEYWORDS_BEFORE_PARENTHESIS = {"GROUPING SETS"} | frozenset(
    """
    SELECT FROM WHERE AND OR NOT IN AS ON USING OVER BY HAVING WHEN THEN ELSE CASE BETWEEN LIKE ILIKE IS LIMIT
    OFFSET DISTINCT WITH JOIN EXCEPT EXISTS GLOBAL INTERVAL WINDOW ASOF SEMI ANTI ROLLUP CUBE QUALIFY
    INTERPOLATE
    """.split()  # noqa: SIM905 - reads as words
)
# Names that the engine takes for calls of functions where no column has them: they tell of the server itself.
_CALLED_WITHOUT_PARENTHESES = frozenset(
    """
    user session_user system_user current_user currentuser current_role current_catalog current_schema schema
    database current_database currentdatabase currenthandler currentrequesturl
    """.split()  # noqa: SIM905 - reads as words
)
# What a heading needs, and nothing that ends a quote or looks like a comment or a placeholder to anyone.
_IDENTIFIER = re.compile(r"(?!.*(?:--|/\*))[\w .:%@+()/,?!&*=<>|€$°-]{1,128}")
_QUOTED = {TokenType.IDENTIFIER, TokenType.STRING}
_REFUSED_WORDS = frozenset({";", "SETTINGS", "FORMAT", "INTO", "OUTFILE", "INFILE"})
_REFUSED_CLAUSES = {
    "settings": "SETTINGS",
    "format": "FORMAT",
    "into": "INTO",
    "sample": "SAMPLE",
    "prewhere": "PREWHERE (use WHERE)",
    "laterals": "LATERAL VIEW",
    "locks": "FOR UPDATE",
    "match": "MATCH",
    "connect": "CONNECT BY",
    "pivots": "PIVOT",
    "hint": "hints",
}
_ALLOWED_NODES = (
    exp.Select, exp.Subquery, exp.From, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit,
    exp.Offset, exp.Fetch, exp.LimitOptions, exp.Join, exp.Final, exp.Table, exp.TableAlias, exp.With,
    exp.CTE, exp.Column, exp.Identifier, exp.Literal, exp.HexString, exp.Star, exp.Alias, exp.Distinct,
    exp.Binary, exp.Unary, exp.Paren, exp.Tuple, exp.Array, exp.Bracket, exp.Slice, exp.In, exp.Between,
    exp.Null, exp.Boolean, exp.Case, exp.If, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Lambda,
    exp.Interval, exp.Var, exp.Func, exp.Window, exp.WindowSpec, exp.Exists, exp.Rollup, exp.Cube,
    exp.GroupingSets, exp.Qualify, exp.WithFill,
)  # fmt: skip
# Subclasses of what is allowed that must not come in with it.
_REFUSED_NODES = (exp.Command, exp.Lateral, exp.UDTF, exp.Unnest, exp.Columns, exp.Parameter, exp.Placeholder)


class _AsWritten(ClickHouse):
    """ClickHouse's dialect, with each function kept under the name that the user wrote.

    sqlglot's own renames some to another dialect's: length("x") to CHAR_LENGTH, which takes no array.
    """

    class Parser(ClickHouseParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeSql:
    """SQL that was rendered from a checked tree, and the values bound to it."""

    statement: str
    parameters: dict[str, object]


def make_safe(text: str, *, project: str | None) -> SafeSql:
    """Check a user's SELECT and render what may run in its place.

    With a ``project`` every table is a subquery of that project's rows only; without one the caller may
    read every project. Raises ApiError(400, "bad_sql") naming what is refused.
    """
    tree = _parse(text)
    for node in tree.walk():
        _check_node(node)
    _rename_ctes(tree)
    for column in list(tree.find_all(exp.Column)):
        _check_column(column)
    is_filtered = _filter_tables(tree, project)
    statement = tree.sql(_AsWritten, comments=False, identify=True)
    _check_words(statement)
    # Values that a statement has no place for, the client would put wherever a text holds a percent sign.
    return SafeSql(statement=statement, parameters={"project": project} if is_filtered else {})


def _refuse(what: str, node: exp.Expr | None = None) -> ApiError:
    line, column = (node.meta.get("line"), node.meta.get("col")) if node is not None else (None, None)
    where = f" (line {line}, column {column})" if line else ""
    return ApiError(400, "bad_sql", f"{what}{where}")


def _parse(text: str) -> exp.Select:
    if len(text) > LONGEST_TEXT:
        raise _refuse(f"the text is {len(text)} characters long; at most {LONGEST_TEXT} are taken")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _refuse("the text holds half a surrogate pair, which is no character")
    try:
        statements = [tree for tree in sqlglot.parse(text, dialect=_AsWritten) if tree is not None]
    except (SqlglotError, RecursionError) as exc:
        raise _refuse(f"this is not one SELECT that can be read: {_first_line(exc)}") from exc
    if len(statements) != 1:
        raise _refuse(f"exactly one SELECT is taken, got {len(statements)} statements")
    (tree,) = statements
    if not isinstance(tree, exp.Select):
        raise _refuse(f"only a SELECT is taken, got {tree.key.upper()}")
    return tree


def _first_line(exc: Exception) -> str:
    plain = re.sub(r"\x1b\[\d+m", "", str(exc))
    return plain.splitlines()[0] if plain else type(exc).__name__


def _check_node(node: exp.Expr) -> None:
    refused = isinstance(node, _REFUSED_NODES) and not isinstance(node, exp.Explode)  # arrayJoin
    if refused or not isinstance(node, _ALLOWED_NODES):
        raise _refuse(f"{node.key.upper()} is not taken here", node)
    if isinstance(node, exp.Identifier) and not _IDENTIFIER.fullmatch(node.name):
        raise _refuse(f"the name {node.name!r} holds characters that names here do not have", node)
    for clause, name in _REFUSED_CLAUSES.items():
        if node.args.get(clause):
            raise _refuse(f"{name} is not taken here", node)
    for kind, check in _CHECKS:
        if isinstance(node, kind):
            check(node)


def _check_function(call: exp.Func) -> None:
    """Refuse what a higher-order function would call by its bare name: ``arrayMap(file, ['/etc/passwd'])``."""
    if call.name.upper() in _KEYWORDS_BEFORE_PARENTHESIS:
        raise _refuse(f"the function {call.name} is not taken here", call)
    if call.name not in TAKING_A_FUNCTION or len(call.expressions) < 2:
        return
    function = call.expressions[0].unnest()
    is_name = isinstance(function, exp.Column) and not function.table and _is_taken(function.name)
    if not isinstance(function, exp.Lambda) and not is_name:
        raise _refuse(f"{call.name} takes a function such as x -> x + 1 before its other arguments", call)


def _check_type(cast: exp.CastToStrType) -> None:
    """Hold the type of ``CAST(x, 'T')`` to what ``CAST(x AS T)`` takes: no state of an aggregate out of a text."""
    name = cast.args["to"]
    try:
        written = exp.DataType.build(name.name, dialect=_AsWritten) if isinstance(name, exp.Literal) else None
    except (SqlglotError, ValueError):
        written = None
    if written is None:
        raise _refuse("CAST takes a type that is known, as text in quotes or after AS", cast)
    _check_words(written.sql(_AsWritten, identify=True))


def _is_taken(name: str) -> bool:
    return name in FUNCTIONS or name.lower() in ANY_CASE


def _check_in(node: exp.In) -> None:
    # ``x IN name`` reads the table of that name, whatever the parser takes it for.
    if node.args.get("field") is not None:
        raise _refuse("IN takes a list of values or a SELECT in parentheses", node)
    if any(_is_name(item) for item in node.expressions):
        raise _refuse("IN takes a list of values, not names", node)


def _is_name(node: exp.Expr) -> bool:
    if isinstance(node, exp.Paren):
        return _is_name(node.this)
    if isinstance(node, exp.Tuple):
        return any(_is_name(item) for item in node.expressions)
    return isinstance(node, exp.Column | exp.Identifier | exp.Dot | exp.Alias)


def _check_table(table: exp.Table) -> None:
    if not isinstance(table.this, exp.Identifier):
        raise _refuse("table functions are not taken here", table)
    if table.args.get("db") or table.args.get("catalog"):
        raise _refuse(f"a table here is a plain name, got {table.sql('clickhouse')}", table)


def _check_source(source: exp.From | exp.Join) -> None:
    if source.args.get("kind") == "ARRAY":
        # The parser takes a table inside for a column, so it would not be filtered.
        if source.find(exp.Query):
            raise _refuse("ARRAY JOIN takes arrays, no SELECT", source)
    elif not isinstance(source.this, exp.Table | exp.Subquery | exp.Final):
        raise _refuse("a table here is a plain name or a SELECT in parentheses", source)


def _check_final(final: exp.Final) -> None:
    if not isinstance(final.this, exp.Table):
        raise _refuse("FINAL is for tables", final)


_CHECKS: tuple[tuple[type[exp.Expr], Callable[[Any], None]], ...] = (
    (exp.Func, _check_function),
    (exp.CastToStrType, _check_type),
    (exp.In, _check_in),
    (exp.Table, _check_table),
    (exp.Final, _check_final),
    (exp.From, _check_source),
    (exp.Join, _check_source),
)


def _check_column(column: exp.Column) -> None:
    """Refuse a name that may be a function's; `User` is the column of `traces` in a SELECT that reads them."""
    if column.table or column.name.lower() not in _CALLED_WITHOUT_PARENTHESES:
        return
    select = column.find_ancestor(exp.Select)
    read = [
        table.alias_or_name
        for table in (select.find_all(exp.Table) if select is not None else ())
        if table.name == "traces" and table.find_ancestor(exp.Select) is select
    ]
    if column.name != "User" or not read:
        raise _refuse(f"{column.name} may be a function here: write its table's name before it", column.this)
    if column.parent is select and column.arg_key == "expressions":
        column.replace(exp.alias_(exp.column(column.this, table=read[0]), "User"))
    else:
        column.set("table", exp.to_identifier(read[0]))


def _rename_ctes(tree: exp.Select) -> None:
    """Give each WITH name a prefix that no stored table has.

    Otherwise a name bound in an inner WITH could, outside its scope, mean the stored table unfiltered.
    """
    names = {cte.alias for cte in tree.find_all(exp.CTE) if not cte.args.get("scalar")}
    for cte in tree.find_all(exp.CTE):
        if not cte.args.get("scalar"):
            cte.set("alias", exp.TableAlias(this=exp.to_identifier(f"with_{cte.alias}")))
    for table in tree.find_all(exp.Table):
        if table.name in names:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(f"with_{table.name}"))


def _filter_tables(tree: exp.Select, project: str | None) -> bool:
    """Put each table's rows in its place; whether they are a project's only."""
    is_filtered = False
    for final in list(tree.find_all(exp.Final)):
        final.replace(final.this)
    for table in list(tree.find_all(exp.Table)):
        if table.name.startswith("with_"):
            continue
        source = TABLES.get(table.name)
        if source is None:
            raise _refuse(f"there is no table {table.name!r}; there are {', '.join(TABLES)}", table)
        table.replace(_project_rows(source, table.alias or table.name, project))
        is_filtered = project is not None
    return is_filtered


def _project_rows(source: str, alias: str, project: str | None) -> exp.Expression:
    rows = sqlglot.parse_one(source, dialect="clickhouse", into=exp.Select)
    if project is not None:
        rows = rows.where("Project = {project:String}", dialect="clickhouse")
    return rows.subquery(alias)


def _check_words(statement: str) -> None:
    """Look once more at the rendered SQL: its functions by the names they will run by, and its bare words."""
    tokens = sqlglot.tokenize(statement, dialect="clickhouse")
    for word in tokens:
        if word.token_type not in _QUOTED and word.text.upper() in _REFUSED_WORDS:
            raise _refuse(f"{word.text} is not taken here")
    for word, following in pairwise(tokens):
        if following.token_type == TokenType.L_PAREN and not _may_precede_parenthesis(word):
            near = get_close_matches(word.text, FUNCTIONS, n=1)
            raise _refuse(
                f"the function {word.text} is not taken here{f'; did you mean {near[0]}?' if near else ''}"
            )


def _may_precede_parenthesis(token: Token) -> bool:
    if token.token_type == TokenType.IDENTIFIER:  # quoted, and the engine calls `file`('x') all the same
        return False
    is_word = token.text[:1].isalpha() and token.token_type != TokenType.STRING
    return not is_word or _is_taken(token.text) or token.text in _KEYWORDS_BEFORE_PARENTHESIS
