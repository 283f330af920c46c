"""What traces are divided by: a field of the trace or a metadata key."""

from __future__ import annotations

from dataclasses import dataclass

from groundtrace_collector.query.errors import QueryError, suggestion
from groundtrace_collector.query.fields import TRACE_FIELDS, Kind

MAX_KEY = 200
_NOT_COHORTS = {"query", "answer"}
NAMES = tuple(
    name for name, field in TRACE_FIELDS.items() if field.kind is Kind.TEXT and name not in _NOT_COHORTS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A dimension: SQL over `traces` whose value is the cohort's key, '' where a trace has none."""

    name: str
    sql: str
    parameters: dict[str, object]


def dimension(text: str, *, prefix: str = "dimension") -> Dimension:
    """The dimension named ``text``; raises QueryError that lists those there are.

    >>> dimension("encoder").sql
    'Encoder'
    """
    name = text.strip()
    key = name.removeprefix("metadata.")
    if key != name and 0 < len(key) <= MAX_KEY and key.isprintable():
        parameter = f"{prefix}_key"
        return Dimension(name=name, sql=f"Metadata[{{{parameter}:String}}]", parameters={parameter: key})
    if name in NAMES:
        return Dimension(name=name, sql=TRACE_FIELDS[name].column, parameters={})
    known = f"{', '.join(NAMES)} or metadata.KEY"
    raise QueryError("unknown_dimension", f"unknown dimension {text!r}{suggestion(name, NAMES)}; use {known}")
