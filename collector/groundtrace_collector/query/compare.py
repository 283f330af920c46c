"""Two values of a dimension side by side, cohort by cohort, with a verdict for each metric.

Pairs are used where the two sides answered the same questions: when at least half of the traces of the
smaller side share a dataset row or a query with the other side. Otherwise the sides are independent samples,
clustered by session. Counts have no verdict; quantiles and ratios are always compared as independent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.compared_traces import PAIRABLE, ComparedTraces, Key, Sizes
from groundtrace_collector.query.comparison import Comparison, compare_paired, compare_sides, judge
from groundtrace_collector.query.dimensions import dimension
from groundtrace_collector.query.filters import Selection, TraceFilter, selection_of
from groundtrace_collector.query.metrics import Form, Metric, parse_metrics
from groundtrace_collector.query.mix import NOBODY, Parts, parts_of_pairs, parts_of_sides, rest
from groundtrace_collector.query.sides import Sides, sides_of
from groundtrace_collector.query.spaces import refuse_mixed_spaces
from groundtrace_collector.query.sums import NO_PAIRS, sums_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from groundtrace_collector.query.intervals import Sums
    from groundtrace_collector.store.store import Store

WHOLE = "*"
_ADDITIVE = (Form.RATE, Form.MEAN, Form.RATIO)
"""What sums of clusters and of cohorts make up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareQuery:
    """A comparison as a user asks for it. Without ``until`` its verdicts hold however often it is asked.

    ``by`` is a dimension, or `window`: then base and candidate are spans of time, `START/END`.
    """

    by: str
    base: str
    candidate: str
    metrics: str | Sequence[str]
    cohort: str | None = None
    filter: TraceFilter = field(default_factory=TraceFilter)


async def compare(store: Store, query: CompareQuery) -> dict[str, Any]:
    """The comparison in the API's shape, the whole first under the key `*`, then cohorts, the largest first.

    ``more`` says whether there are more cohorts than the 200 that are shown.
    Raises QueryError for parameters that cannot be understood.
    """
    sides = sides_of(query.by, query.base, query.candidate, query.filter)
    metrics = parse_metrics(query.metrics)
    cohort = dimension(query.cohort, prefix="cohort") if query.cohort else None
    scores = [metric.score for metric in metrics if metric.score is not None]
    selection = _of_sides(await selection_of(store, sides.filter, scores=scores), sides)
    await refuse_mixed_spaces(store, metrics, selection)
    sizes, compared = await store.reading(
        lambda driver: _compared(
            ComparedTraces(driver, selection, metrics, sides, cohort), metrics, watched=sides.watched
        )
    )
    return {
        "by": sides.by,
        "base": query.base,
        "candidate": query.candidate,
        "cohorts": [
            {
                **(cohort.labelled(key) if cohort and not whole else {"key": WHOLE}),
                "metrics": {name: rows[whole, key] for name, rows in compared.items()},
            }
            for whole, key in sizes.cohorts
        ],
        "more": sizes.more,
    }


def _of_sides(selection: Selection, sides: Sides) -> Selection:
    """Only the traces of one side or the other."""
    return Selection(
        sql=f"{selection.sql} AND {sides.either}",
        parameters={**selection.parameters, **sides.parameters},
        scope=selection.scope,
    )


def _compared(
    traces: ComparedTraces, metrics: Sequence[Metric], *, watched: bool
) -> tuple[Sizes, dict[str, dict[Key, dict[str, Any]]]]:
    try:
        traces.keep()
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
        metric for metric in metrics if metric.form is Form.PAIR or (paired and metric.form in PAIRABLE)
    ]
    alone = [
        metric
        for metric in metrics
        if metric.form is not Form.PAIR and (metric not in in_pairs or len(paired) < len(sizes.cohorts))
    ]
    clustered = [metric for metric in alone if sizes.sessions and metric.form in _ADDITIVE]
    plain = [metric for metric in alone if metric not in clustered]
    sides = _by_metric(traces.sides, plain) | _by_metric(traces.clusters, clustered)

    def one(metric: Metric, key: Key) -> Comparison:
        if metric.form is Form.PAIR or (metric in in_pairs and key in paired):
            return compare_paired(metric, sizes.cohorts[key].sums.get(metric.name, NO_PAIRS), watched=watched)
        both = [sides.get((metric.name, (key, side))) for side in (0, 1)]
        return compare_sides(metric, *both, watched=watched)

    answers = {}
    for metric in metrics:
        compared = {key: one(metric, key) for key in sizes.cohorts}
        judged = judge(compared)
        parts = _parts(compared[True, ""], sizes, sides, watched=watched)
        judged[True, ""]["parts"] = parts.as_json() if parts else None
        answers[metric.name] = judged
    return answers


def _by_metric(
    read: Callable[[Sequence[Metric]], Mapping[tuple[Key, int], Any]], metrics: Sequence[Metric]
) -> dict[tuple[str, tuple[Key, int]], Any]:
    """The sums of each metric by its name, and cohort and side."""
    rows = read(metrics) if metrics else {}
    return {
        (metric.name, place): row[f"s{index}"]
        for place, row in rows.items()
        for index, metric in enumerate(metrics)
    }


def _parts(
    whole: Comparison, sizes: Sizes, sides: Mapping[tuple[str, tuple[Key, int]], Any], *, watched: bool
) -> Parts | None:
    """Quality and mix over the cohorts; None without cohorts, or where the metric has no parts."""
    keys = [key for key in sizes.cohorts if key != (True, "")]
    if not keys or whole.metric.form not in _ADDITIVE:
        return None
    if whole.paired:
        return None if sizes.mixed else parts_of_pairs(whole.difference.value)

    def of(key: Key, side: int) -> Sums:
        found = sides.get((whole.metric.name, (key, side)))
        return sums_of(found, unit=whole.metric.unit) if found else NOBODY

    cohorts = [[of(key, side) for key in keys] for side in (0, 1)]
    if sizes.more:
        cohorts = [[*each, rest(of((True, ""), side), each)] for side, each in enumerate(cohorts)]
    return parts_of_sides(*cohorts, watched=watched)
