"""Where-expressions: `encoder = 'minilm@2' and score.groundedness < 0.5` as SQL with bound values.

Null matches neither way, and a negated any-span field means *none*. Both need the negations at the leaves,
so `not` is pushed down (De Morgan) and every leaf becomes a condition that is true or false, never null.
No text of the user's is part of the SQL: names come from `fields.py`, values and keys are parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeGuard

from groundtrace_collector.query.errors import WhereError
from groundtrace_collector.query.fields import SPAN_FIELDS, TRACE_FIELDS, Field, Kind
from groundtrace_collector.query.grammar import (
    Comparison,
    Conjunction,
    Disjunction,
    Negation,
    Node,
    Op,
    Value,
    parse_where,
)
from groundtrace_collector.query.origins import NOTHING_KNOWN, SOURCES, ScoreOrigins
from groundtrace_collector.query.times import parse_time
from groundtrace_collector.store.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a question is limited to anyway, repeated inside each subquery to keep it small.

    ``project`` None means every project. ``since_ns`` bounds subqueries over spans and scores from below,
    with a day of slack: clocks of apps differ, and a span or score may arrive before its root.
    ``origins`` tells which scores a cheaper subquery finds.
    """

    project: str | None = None
    since_ns: int | None = None
    origins: ScoreOrigins = NOTHING_KNOWN

    def parameters(self) -> dict[str, object]:
        """The bound values that `resolved_scores.sql` and its like expect."""
        day_ns = 86_400_000_000_000
        since_ns = 0 if self.since_ns is None else max(0, self.since_ns - day_ns)
        return {
            "scope_project": self.project or "",
            "scope_since_ms": since_ns // 1_000_000,
            **({"scope_versions": list(self.origins.versions)} if self.origins.versions else {}),
            **({"scope_projects": list(self.origins.projects)} if self.origins.projects else {}),
        }


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition over the columns of `traces`, and the values it binds."""

    sql: str
    parameters: dict[str, object]
    names: frozenset[str] = frozenset()
    """The fields that the expression mentions."""


def compile_where(
    text: str, *, scope: Scope = EVERYTHING, now: datetime | None = None, prefix: str = "where"
) -> Condition:
    """The condition that ``text`` stands for, over alias-free columns of `traces`.

    ``now`` is what ages such as `started_at > '24h'` count from. ``prefix`` begins the names of the bound
    values, so that two conditions can stand in one statement. Raises WhereError for anything that is not in
    the language; never anything else.
    """
    tree = parse_where(text)
    compiler = _Compiler(prefix=prefix, now=now or datetime.now(UTC), scope=scope)
    sql = compiler.condition(tree, negated=False)
    return Condition(sql=sql, parameters=compiler.parameters, names=frozenset(compiler.names))


def scores_in(text: str) -> frozenset[str]:
    """The names of the scores that ``text`` asks for; raises WhereError."""

    def names(node: Node) -> frozenset[str]:
        if isinstance(node, Negation):
            return names(node.operand)
        if isinstance(node, Conjunction | Disjunction):
            return frozenset().union(*(names(operand) for operand in node.operands))
        return frozenset({node.key or ""}) if node.name == "score" else frozenset()

    return names(parse_where(text))


JOIN_KEY = "bitXor(toUInt64(TraceKey), sipHash64(Project))"
"""A trace of a project as one number, over `traces`: joining by it costs half of joining by text.
Two of 100 million traces share one with a chance of 1 in 4,000; then one score is counted for the wrong trace."""
JOIN_KEY_OF_TEXT = "bitXor(toUInt64(reinterpretAsUInt128(MD5(TraceId))), sipHash64(toString(Project)))"
"""The same over rows that have neither TraceKey nor JoinKey."""


def resolved_rows(kind: str, parameter: str) -> str:
    """SQL of the one row a trace that counts for a score or feedback; ``parameter`` is bound to its name."""
    return statement(__package__, f"resolved_{kind}").replace("resolved_name", parameter).strip()


def trace_scores(values: str, parameter: str, scope: Scope) -> str:
    """SQL of ``values`` by Trace, its JOIN_KEY, for simple scores only.

    ``parameter`` is bound to the list of their names. ``values`` are aggregates over Name, Word (its label) and
    Newness, which `bits_in` and `said_in` read.
    """
    projects = scope.origins.projects
    # Only to leave whole days out: an older row does no harm.
    recent = "indexHint(CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64}))"
    if scope.project is not None:
        recent = f"Project IN ('', {{scope_project:String}}) AND {recent}"
    early = "bitXor(JoinKey, bitXor(sipHash64(''), sipHash64(PROJECT)))"
    parts = [("JoinKey", recent)]
    if len(projects) == 1:
        one = early.replace("PROJECT", "{scope_projects:Array(String)}[1]")
        parts = [(f"if(Project = '', {one}, JoinKey)", recent)]
    elif projects:
        # A score that came before its trace counts for the trace in whichever project it is. Its own JoinKey
        # is no trace's: to leave it out of the others would cost more than to count it among them.
        every = early.replace("PROJECT", "arrayJoin({scope_projects:Array(String)})")
        parts = [("JoinKey", recent), (every, "Project = ''")]
    word = ", if(Status = 'ok', toString(Label), '') AS Word" if "Word" in values else ""
    rows = statement(__package__, "trace_score_rows").replace("NEWNESS", _newness(scope.origins)).strip()
    each = (
        rows.replace("TRACE", trace).replace("AMONG", among).replace("WORD", word) for trace, among in parts
    )
    return (
        statement(__package__, "trace_scores")
        .replace("ROWS", "\nUNION ALL\n".join(each))
        .replace("VALUES", values)
        .replace("resolved_names", parameter)
        .strip()
    )


def _newness(origins: ScoreOrigins) -> str:
    """What orders the rows of a trace and name: who gave the score, where that differs, then the sequence."""
    if not origins.versions:
        return "Newest"
    rank = (
        f"transform(Source, {list(SOURCES)}, range(1, {len(SOURCES) + 1}), 0) * {len(origins.versions) + 1} + "
        "transform(EvaluatorVersion, {scope_versions:Array(String)}, "
        f"range(1, {len(origins.versions) + 1}), 0)"
    )
    return f"if(Newest = 0, 0, Newest + bitShiftLeft(toUInt128({rank}), 119))"


def bits_in(newness: str) -> str:
    """SQL of the score's bits, inverted, in the number that `Newest` in `scores` is, or its maximum; 0 for no score."""
    return f"toUInt64({newness})"


def score_of(bits: str) -> str:
    """SQL of the score, or null, from `bits_in`."""
    number = f"reinterpretAsFloat64(bitNot({bits}))"
    return f"if(isNaN({number}), NULL, {number})"


def said_in(newness: str) -> str:
    """SQL of what such a number says beside the score (`Said` in resolved_score.sql); 0 for no row."""
    return f"bitAnd(toUInt8(bitShiftRight({newness}, 64)), 7)"


_DIRECT = {Op.EQ: "=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_ORDERED = {Op.LT, Op.LE, Op.GT, Op.GE, Op.BETWEEN}
_PATTERN = {Op.LIKE: "LIKE", Op.ILIKE: "ILIKE"}


@dataclass(slots=True)
class _Compiler:
    prefix: str
    now: datetime
    scope: Scope
    parameters: dict[str, object] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def condition(self, node: Node, *, negated: bool) -> str:
        """SQL of ``node``, or of its opposite."""
        if isinstance(node, Negation):
            return self.condition(node.operand, negated=not negated)
        if isinstance(node, Conjunction | Disjunction):
            word = " AND " if isinstance(node, Conjunction) is not negated else " OR "
            return f"({word.join(self.condition(operand, negated=negated) for operand in node.operands)})"
        self.names.add(node.name)
        if node.name in SPAN_FIELDS:
            leaf = self._any_span(node)
            return f"(NOT {leaf})" if negated else leaf
        if node.name in ("score", "feedback"):
            return self._resolved(node, negated=negated)
        return self._of_trace(node, negated=negated)

    # --- fields of the trace: null matches neither way -----------------------------------------------------

    def _of_trace(self, node: Comparison, *, negated: bool) -> str:
        column = self._metadata(node) if node.name == "metadata" else TRACE_FIELDS[node.name]
        if node.op is Op.NULL:
            present = column.present or "1"
            return f"({present})" if negated else f"(NOT ({present}))"
        test = self._test(node, column)
        test = f"NOT ({test})" if negated else test
        return f"({column.present} AND {test})" if column.present else f"({test})"

    def _metadata(self, node: Comparison) -> Field:
        value = f"Metadata[{self._bind('String', node.key)}]"
        if node.op is not Op.NULL and all(_is_number(each) for each in node.values) and node.values:
            number = f"toFloat64OrNull({value})"
            return _field(node, number, Kind.NUMBER, present=f"isNotNull({number})")
        return _field(node, value, Kind.TEXT, present=f"{value} != ''")

    def _resolved(self, node: Comparison, *, negated: bool) -> str:
        """A score or feedback: the traces whose resolved row passes, found in a subquery of its own."""
        if node.name == "feedback" and node.key != "thumbs" and node.op in {Op.EQ, Op.IN}:
            node = replace(node, values=tuple(_as_stored(value) for value in node.values))
        text = any(isinstance(value, str) for value in node.values)
        if node.name == "score" and node.key in self.scope.origins.simple:
            rows, outer, key = self._simple_score(node, text=text), JOIN_KEY, "Trace"
        else:
            rows, outer, key = (
                resolved_rows(node.name, self._parameter(node.key)),
                "(Project, TraceId)",
                "Project, TraceId",
            )

        def among(test: str, word: str = "IN") -> str:
            return f"({outer} {word} (SELECT {key} FROM ({rows}) WHERE {test}))"  # noqa: S608

        self.parameters.update(self.scope.parameters())
        number = "Score" if node.name == "score" else "Value"
        if node.op is Op.NULL:
            there = "Said NOT IN (0, 4)" if node.name == "score" else f"isNotNull({number}) OR Label != ''"
            return among(there, "IN" if negated else "NOT IN")
        present = "Label != ''" if text else f"isNotNull({number})"
        column = _field(
            node, "Label" if text else number, Kind.TEXT if text else Kind.NUMBER, present=present
        )
        test = self._test(node, column)
        return among(f"{present} AND {'NOT ' if negated else ''}({test})")

    def _simple_score(self, node: Comparison, *, text: bool) -> str:
        values = "argMax(Word, Newness) AS Label" if text else "max(Newness) AS Last"
        rows = trace_scores(values, self._parameter([node.key]), self.scope)
        columns = "Label" if text else f"{score_of(bits_in('Last'))} AS Score, {said_in('Last')} AS Said"
        return f"SELECT Trace, {columns} FROM ({rows})"  # noqa: S608

    # --- any-span fields: the negation means none ----------------------------------------------------------

    def _any_span(self, node: Comparison) -> str:
        if node.name == "attributes":
            return self._attribute(node)
        if node.op in _ORDERED or node.op is Op.TRUE:
            raise _refused(node, f"{node.name} takes =, in, like, ilike or `is null`")
        return self._document(node) if node.name == "document" else self._array(node)

    def _array(self, node: Comparison) -> str:
        column = {"kind": "SpanKinds", "tag": "Tags", "error": "ErrorTypes"}[node.name]
        if node.op is Op.NULL:
            return f"(NOT arrayExists(each -> each != '', {column}))"
        if node.name == "kind":
            node = replace(node, values=tuple(v.upper() if isinstance(v, str) else v for v in node.values))
        test = self._test(node, _field(node, "each", Kind.TEXT))
        return f"arrayExists(each -> {test}, {column})"

    def _document(self, node: Comparison) -> str:
        if node.op is Op.NULL:
            return f"(NOT {self._side_table('documents_where', '1')})"
        return self._side_table("documents_where", self._test(node, _field(node, "DocumentId", Kind.TEXT)))

    def _attribute(self, node: Comparison) -> str:
        value = f"SpanAttributes[{self._bind('String', node.key)}]"
        has_key = f"mapContains(SpanAttributes, {self._bind('String', node.key)})"
        if node.op is Op.NULL:
            return f"(NOT {self._side_table('spans_where', has_key)})"
        if node.values and all(_is_number(each) for each in node.values):
            number = f"toFloat64OrNull({value})"
            column = _field(node, number, Kind.NUMBER)
        else:
            column = _field(node, value, Kind.TEXT)
        return self._side_table("spans_where", f"{has_key} AND {self._test(node, column)}")

    def _side_table(self, name: str, test: str) -> str:
        """The traces with a row in a span-level table that passes ``test``."""
        self.parameters.update(self.scope.parameters())
        rows = statement(__package__, name).replace("TEST", test).strip()
        return f"((Project, TraceId) IN ({rows}))"

    # --- one comparison ------------------------------------------------------------------------------------

    def _test(self, node: Comparison, kind: Field) -> str:
        """The column of ``kind`` against the values of ``node``, with the values checked and bound."""
        column = kind.column
        if node.op is Op.TRUE:
            if kind.kind is not Kind.BOOLEAN:
                raise _refused(node, f"{node.word} is compared with something: {node.word} = …")
            return column
        values = [self._value(node, kind, value) for value in node.values]
        if node.op in _PATTERN:
            if kind.kind is not Kind.TEXT:
                raise _refused(node, f"{node.word} is a {kind.kind}: `{node.op}` is for text")
            return f"{column} {_PATTERN[node.op]} {values[0]}"
        if node.op in _ORDERED and kind.kind is Kind.BOOLEAN:
            raise _refused(node, f"{node.word} is true or false: `{node.op}` has no meaning for it")
        if node.op is Op.BETWEEN:
            return f"({column} >= {values[0]} AND {column} <= {values[1]})"
        if node.op is Op.IN:
            return f"{column} IN ({', '.join(values)})"
        return f"{column} {_DIRECT[node.op]} {values[0]}"

    def _value(self, node: Comparison, kind: Field, value: Value) -> str:
        if kind.kind is Kind.TIME:
            return self._time(node, value)
        if kind.kind is Kind.NUMBER:
            if not _is_number(value):
                raise _refused(node, f"{node.word} is a number, got {value!r}")
            return self._bind("Float64", float(value))
        if kind.kind is Kind.BOOLEAN:
            if not isinstance(value, bool):
                raise _refused(node, f"{node.word} is true or false, got {value!r}")
            return self._bind("Bool", value)
        return self._bind("String", self._text(node, kind, value))

    def _text(self, node: Comparison, kind: Field, value: Value) -> str:
        if isinstance(value, bool) and node.name in ("metadata", "attributes"):
            return "true" if value else "false"
        if not isinstance(value, str):
            raise _refused(node, f"{node.word} is text: write '{value}' in single quotes")
        if kind.allowed and node.op in (Op.EQ, Op.IN) and value not in kind.allowed:
            raise _refused(node, f"{node.word} is one of {', '.join(kind.allowed)}, got {value!r}")
        if node.op in _PATTERN and _ends_in_escape(value):
            raise _refused(node, f"the pattern {value!r} ends in a backslash that escapes nothing")
        return value

    def _time(self, node: Comparison, value: Value) -> str:
        if not isinstance(value, str):
            raise _refused(node, f"{node.word} is compared with a time in quotes, got {value!r}")
        try:
            moment = parse_time(value, now=self.now)
        except ValueError as error:
            raise _refused(node, str(error)) from None
        return self._bind("Int64", moment)

    def _bind(self, type_: str, value: object) -> str:
        return f"{{{self._parameter(value)}:{type_}}}"

    def _parameter(self, value: object) -> str:
        name = f"{self.prefix}_{len(self.parameters)}"
        self.parameters[name] = value
        return name


def _as_stored(value: Value) -> Value:
    """The value of feedback as it is kept: true and false are sent, and kept as 1 and 0."""
    return float(value) if isinstance(value, bool) else value


def _is_number(value: Value) -> TypeGuard[float]:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _ends_in_escape(pattern: str) -> bool:
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1


def _field(node: Comparison, column: str, kind: Kind, *, present: str | None = None) -> Field:
    return Field(name=node.word, column=column, kind=kind, present=present, help="")


def _refused(node: Comparison, problem: str) -> WhereError:
    return WhereError(problem, word=node.word, position=node.position)
