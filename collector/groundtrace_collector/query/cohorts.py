"""Metrics for each value of a dimension."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.dimensions import dimension
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import TraceFilter, selection_of
from groundtrace_collector.query.metrics import Form, Metric, parse_metrics
from groundtrace_collector.query.page import MAX_LIMIT
from groundtrace_collector.query.spaces import refuse_mixed_spaces
from groundtrace_collector.query.sums import trace_sums, value_of
from groundtrace_collector.query.values import ONE_THREAD, per_trace
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from groundtrace_collector.store.store import Store

DEFAULT_COHORTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortQuery:
    """A cohort table as a user asks for it; ``metrics`` is a list or separated by commas."""

    by: str
    metrics: str | Sequence[str]
    filter: TraceFilter = field(default_factory=TraceFilter)
    limit: int | None = None


async def cohort_table(store: Store, query: CohortQuery) -> dict[str, Any]:
    """`{"by", "cohorts": [{"key", "metrics": {NAME: {"value", "low", "high", "n"}}}], "more"}`, the largest first.

    ``more`` says whether there are more cohorts than the limit. A trace without the dimension is in the cohort ''.
    Raises QueryError for what is not understood.
    """
    by = dimension(query.by)
    metrics = _of_traces(parse_metrics(query.metrics))
    limit = _checked_limit(query.limit)
    selection = await selection_of(
        store, query.filter, scores=[metric.score for metric in metrics if metric.score is not None]
    )
    await refuse_mixed_spaces(store, metrics, selection, grouped=by.sql, parameters=by.parameters)
    rows = per_trace(metrics, selection, {"Cohort": by.sql})
    sql = (
        statement(__package__, "cohorts").replace("SUMS", trace_sums(metrics)).replace("PER_TRACE", rows.sql)
    )
    found = await store.query(
        sql, {**rows.parameters, **by.parameters, "cohorts": limit + 1}, settings=ONE_THREAD
    )
    cohorts = [
        {
            **by.labelled(row["Key"]),
            "metrics": {
                metric.name: value_of(metric, row[f"s{index}"]).as_json()
                for index, metric in enumerate(metrics)
            },
        }
        for row in found[:limit]
    ]
    return {"by": by.name, "cohorts": cohorts, "more": len(found) > limit}


def _of_traces(metrics: list[Metric]) -> list[Metric]:
    for metric in metrics:
        if metric.form is Form.PAIR:
            raise QueryError(
                "compare_only", f"{metric.name} compares two encoders; use compare (/api/v1/compare)"
            )
    return metrics


def _checked_limit(limit: int | None) -> int:
    if limit is None:
        return DEFAULT_COHORTS
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError("invalid_limit", f"limit must be from 1 to {MAX_LIMIT}, got {limit}")
    return limit
