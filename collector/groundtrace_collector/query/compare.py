"""Two values of a dimension side by side, cohort by cohort, with a verdict for each metric.

Pairs are used where the two sides answered the same questions: when at least half of the traces of the
smaller side share a dataset row or a query with the other side. Otherwise the sides are independent samples,
clustered by session. Counts have no verdict; quantiles and ratios are always compared as independent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.compared_traces import ComparedTraces, Key, Sizes
from groundtrace_collector.query.comparison import Comparison, compare_paired, compare_sides, judge
from groundtrace_collector.query.dimensions import Dimension, dimension
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import Selection, TraceFilter, selection_of
from groundtrace_collector.query.metrics import Form, Metric, parse_metrics
from groundtrace_collector.query.sums import NO_PAIRS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from groundtrace_collector.store.store import Store

WHOLE = "*"
_PAIRABLE = (Form.RATE, Form.MEAN)
_CLUSTERED = (Form.RATE, Form.MEAN, Form.RATIO)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareQuery:
    """A comparison as a user asks for it. Without ``until`` its verdicts hold however often it is asked."""

    by: str
    base: str
    candidate: str
    metrics: str | Sequence[str]
    cohort: str | None = None
    filter: TraceFilter = field(default_factory=TraceFilter)


async def compare(store: Store, query: CompareQuery) -> dict[str, Any]:
    """The comparison in the API's shape, the whole first under the key `*`, then cohorts, the largest first.

    Raises QueryError for parameters that cannot be understood.
    """
    if query.base == query.candidate:
        raise QueryError("invalid_comparison", f"base and candidate are both {query.base!r}: name two values")
    metrics = parse_metrics(query.metrics)
    by = dimension(query.by, prefix="side")
    cohort = dimension(query.cohort, prefix="cohort") if query.cohort else None
    scores = [metric.score for metric in metrics if metric.score is not None]
    selection = _of_sides(await selection_of(store, query.filter, scores=scores), by, query)
    sizes, compared = await store.reading(
        lambda driver: _compared(
            ComparedTraces(driver, selection, metrics, by, cohort), metrics, watched=not query.filter.until
        )
    )
    return {
        "by": by.name,
        "base": query.base,
        "candidate": query.candidate,
        "cohorts": [
            {
                "key": WHOLE if whole else key,
                "metrics": {name: rows[whole, key] for name, rows in compared.items()},
            }
            for whole, key in sizes.cohorts
        ],
    }


def _of_sides(selection: Selection, by: Dimension, query: CompareQuery) -> Selection:
    """Only the traces of one side or the other."""
    return Selection(
        sql=f"{selection.sql} AND {by.sql} IN ({{side_base:String}}, {{side_candidate:String}})",
        parameters={
            **selection.parameters,
            **by.parameters,
            "side_base": query.base,
            "side_candidate": query.candidate,
        },
        scope=selection.scope,
    )


def _compared(
    traces: ComparedTraces, metrics: Sequence[Metric], *, watched: bool
) -> tuple[Sizes, dict[str, dict[Key, dict[str, Any]]]]:
    try:
        sizes = traces.sizes()
        return sizes, _comparisons(traces, sizes, metrics, watched=watched)
    finally:
        traces.close()


def _comparisons(
    traces: ComparedTraces, sizes: Sizes, metrics: Sequence[Metric], *, watched: bool
) -> dict[str, dict[Key, dict[str, Any]]]:
    """Per metric and cohort, the API's object; one correction per metric over its cohorts."""
    paired = {key for key, size in sizes.cohorts.items() if size.is_paired}
    in_pairs = [
        metric for metric in metrics if metric.form is Form.PAIR or (paired and metric.form in _PAIRABLE)
    ]
    alone = [
        metric
        for metric in metrics
        if metric.form is not Form.PAIR and (metric not in in_pairs or len(paired) < len(sizes.cohorts))
    ]
    clustered = [metric for metric in alone if sizes.sessions and metric.form in _CLUSTERED]
    plain = [metric for metric in alone if metric not in clustered]
    pairs = traces.pairs(in_pairs, sizes) if in_pairs else {}
    sides = traces.sides(plain, sizes) if plain else {}
    clusters = traces.clusters(clustered, sizes) if clustered else {}

    def one(metric: Metric, key: Key) -> Comparison:
        if metric.form is Form.PAIR or (metric in in_pairs and key in paired):
            row = pairs.get(key)
            sums = row[f"s{in_pairs.index(metric)}"] if row else NO_PAIRS
            return compare_paired(metric, sums, watched=watched)
        rows, order = (clusters, clustered) if metric in clustered else (sides, plain)
        both = [rows.get((key, side)) for side in (0, 1)]
        name = f"s{order.index(metric)}"
        return compare_sides(metric, *(row[name] if row else None for row in both), watched=watched)

    return {metric.name: judge({key: one(metric, key) for key in sizes.cohorts}) for metric in metrics}
