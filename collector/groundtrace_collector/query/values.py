"""The values of metrics for single traces, as SQL: one row a trace. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtrace_collector.query.metrics import Form, Metric
from groundtrace_collector.query.where import Scope, resolved_rows
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.query.filters import Selection

# Joining by a number costs half of joining by project and id. Two of 100 million traces share one with a chance
# of 1 in 4,000, and then one score is counted for the wrong trace.
_TRACE_KEY = "sipHash64(Project, TraceId)"


ONE_THREAD = {"max_threads": 1}
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
        alias = joins.alias(metric)
        prefix = f"metric{index}_"
        parameters |= {name.replace("metric_", prefix): value for name, value in metric.parameters.items()}
        for name, sql in _columns(index, metric).items():
            if alias:
                names.append(f"{sql.replace('joined.', f'{alias}.')} AS {name}")
            else:
                names.append(name)
                inner[name] = sql.replace("{metric_", f"{{{prefix}")
    if joins.sql:
        inner["TraceKey"] = _TRACE_KEY
    sql = (
        statement(__package__, "per_trace")
        .replace("NAMES", ",\n    ".join(names))
        .replace("COLUMNS", ",\n        ".join(f"{sql} AS {name}" for name, sql in inner.items()))
        .replace("CONDITION", selection.sql)
        .replace("JOINS", "\n".join(joins.sql))
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
    """The scores and feedback that metrics need, each joined once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._aliases: dict[tuple[str, str], str] = {}
        self.sql: list[str] = []
        self.parameters: dict[str, object] = {}

    def alias(self, metric: Metric) -> str:
        """The alias of the rows that ``metric`` calls `joined`; '' where it needs none."""
        kind, name = ("score", metric.score) if metric.score is not None else ("feedback", metric.feedback)
        if name is None:
            return ""
        if (kind, name) not in self._aliases:
            alias = f"joined{len(self._aliases)}"
            self._aliases[kind, name] = alias
            rows = resolved_rows(kind, name, f"{alias}_name", self._scope)
            self.parameters[f"{alias}_name"] = name
            fields = "Score, Label, Threshold" if kind == "score" else "Value, Label"
            keyed = f"SELECT {_TRACE_KEY} AS TraceKey, {fields} FROM ({rows})"  # noqa: S608
            self.sql.append(f"LEFT ANY JOIN ({keyed}) AS {alias} ON trace.TraceKey = {alias}.TraceKey")
        return self._aliases[kind, name]
