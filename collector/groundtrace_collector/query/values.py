"""The values of metrics for single traces, as SQL: one row a trace. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtrace_collector.query.metrics import Form, Metric
from groundtrace_collector.query.where import (
    JOIN_KEY,
    JOIN_KEY_OF_TEXT,
    Scope,
    bits_in,
    resolved_rows,
    said_in,
    score_of,
    trace_scores,
)
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.query.filters import Selection

ONE_THREAD = {
    "max_threads": 1,
    # The same columns are asked for again and again, and inflating them takes a third of a statement.
    "use_uncompressed_cache": 1,
    # Two levels are for several threads.
    "group_by_two_level_threshold": 0,
    "group_by_two_level_threshold_bytes": 0,
    # The engine takes the scores for the larger side, and would look the traces up for each of them.
    "query_plan_join_swap_table": "false",
    # `compare` keeps flags that come of LowCardinality columns.
    "allow_suspicious_low_cardinality_types": 1,
}
"""Settings of statements over `per_trace`: a second thread saves time and costs a fifth more CPU, which the
collector also needs to take in traces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerTrace:
    """SQL with one row a trace, and the values that it binds.

    Metric i has the columns `v{i}` (Nullable(Float64), or an array of numbers where a trace has several) and,
    for ratios, `w{i}`.
    """

    sql: str
    parameters: dict[str, object]


def per_trace(metrics: Sequence[Metric], selection: Selection, columns: Mapping[str, str]) -> PerTrace:
    """A row for each selected trace, with ``columns`` (name to SQL over `traces`) before the metrics'."""
    joins = _Joins(selection.scope)
    names = list(columns)
    inner = dict(columns)
    parameters = dict(selection.parameters)
    for index, metric in enumerate(metrics):
        prefix = f"metric{index}_"
        parameters |= {name.replace("metric_", prefix): value for name, value in metric.parameters.items()}
        if metric.score is not None or metric.feedback is not None:
            names.append(f"{joins.value(index, metric)} AS v{index}")
            if metric.among:
                inner[f"a{index}"] = metric.among
            continue
        for name, sql in _columns(index, metric).items():
            names.append(name)
            inner[name] = sql.replace("{metric_", f"{{{prefix}")
    if joins.any:
        inner["JoinKey"] = JOIN_KEY
    sql = (
        statement(__package__, "per_trace")
        .replace("NAMES", ",\n    ".join(names))
        .replace("COLUMNS", ",\n        ".join(f"{sql} AS {name}" for name, sql in inner.items()))
        .replace("CONDITION", selection.sql)
        .replace("JOINS", joins.sql())
    )
    return PerTrace(sql=sql, parameters=parameters | joins.parameters)


def _columns(index: int, metric: Metric) -> dict[str, str]:
    if metric.many:
        return {f"v{index}": f"({metric.value})"}
    columns = {f"v{index}": f"toFloat64({metric.value})"}
    if metric.form is Form.RATIO:
        columns[f"w{index}"] = f"toFloat64({metric.weight})"
    return columns


class _Joins:
    """The scores and feedback that metrics need: simple scores in one join, each of the others in its own."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._aliases: dict[tuple[str, str], str] = {}
        self._sql: list[str] = []
        self._names: list[str] = []
        self._simple: dict[str, str] = {}
        self.parameters: dict[str, object] = {}

    @property
    def any(self) -> bool:
        """Whether there is anything to join."""
        return bool(self._sql or self._simple)

    def sql(self) -> str:
        """The joins to rows that have a JoinKey."""
        if not self._simple:
            return "\n".join(self._sql)
        rows = trace_scores(", ".join(self._simple.values()), "scored_names", self._scope)
        # Each of these rows is of another trace. To look for any of several takes longer.
        return "\n".join([f"LEFT JOIN ({rows}) AS scored ON trace.JoinKey = scored.Trace", *self._sql])

    def value(self, index: int, metric: Metric) -> str:
        """The value of a metric of scores or feedback; what it is `among` is the column `a{index}`."""
        if metric.score in self._scope.origins.simple:
            found = self._simple_value(metric)
        elif metric.score is not None:
            found = _over(metric.value, "joined", self._alias("score", metric.score))
        else:
            found = _over(metric.value, "joined", self._alias("feedback", str(metric.feedback)))
        if metric.overruling:
            said = _over(metric.overruling, "said", self._alias("feedback", str(metric.feedback)))
            found = f"coalesce({said}, {found})"
        if metric.missing:
            found = f"ifNull({found}, {metric.missing})"
        return f"if(ifNull(a{index}, 0), {found}, NULL)" if metric.among else found

    def _simple_value(self, metric: Metric) -> str:
        """Of a simple score, from the number that its newest row is."""
        name = str(metric.score)
        if name not in self._names:
            self._names.append(name)
            self.parameters["scored_names"] = self._names
        place = self._names.index(name) + 1
        newest = f"maxIf(Newness, Name = {{scored_names:Array(String)}}[{place}])"
        # What is joined is as narrow as may be, and 0 where there is no row.
        parts = {
            "joined.Score": (f"score{place}", bits_in(newest), score_of(f"scored.score{place}")),
            "joined.Said": (f"said{place}", said_in(newest), f"scored.said{place}"),
        }
        value = metric.value
        for word, (column, kept, read) in parts.items():
            if word in value:
                self._simple[column] = f"{kept} AS {column}"
                value = value.replace(word, read)
        return f"toFloat64({value})"

    def _alias(self, kind: str, name: str) -> str:
        """The alias of the rows of a score or feedback."""
        if (kind, name) not in self._aliases:
            alias = f"joined{len(self._aliases)}"
            self._aliases[kind, name] = alias
            rows = resolved_rows(kind, f"{alias}_name")
            self.parameters[f"{alias}_name"] = name
            fields = "Score, Said" if kind == "score" else "Value, Label"
            keyed = f"SELECT {JOIN_KEY_OF_TEXT} AS JoinKey, {fields} FROM ({rows})"  # noqa: S608
            self._sql.append(f"LEFT ANY JOIN ({keyed}) AS {alias} ON trace.JoinKey = {alias}.JoinKey")
        return self._aliases[kind, name]


def _over(sql: str, table: str, alias: str) -> str:
    return f"toFloat64({sql.replace(f'{table}.', f'{alias}.')})"
