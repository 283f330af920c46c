"""Two values of a dimension side by side, cohort by cohort, with a verdict for each metric.

Pairs are used where the two sides answered the same questions: when at least half of the traces of the
smaller side share a dataset row or a query with the other side. Otherwise the sides are independent samples,
clustered by session. Counts have no verdict; quantiles and ratios are always compared as independent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from groundtrace_collector.query.dimensions import Dimension, dimension
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import Selection, TraceFilter, selection_of
from groundtrace_collector.query.intervals import (
    ALPHA,
    Difference,
    Sums,
    Value,
    adjusted,
    mean_difference,
    mean_value,
    newcombe,
    nothing,
    paired_means,
    paired_rates,
    quantile_difference,
    rate_value,
)
from groundtrace_collector.query.metrics import Form, Metric, parse_metrics
from groundtrace_collector.query.sums import (
    cluster_sums,
    pair_sums,
    quantile_of,
    sums_of,
    trace_sums,
    value_of,
    within_cluster,
    within_pair,
)
from groundtrace_collector.query.values import ONE_THREAD, per_trace
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.store.driver import Driver
    from groundtrace_collector.store.store import Store

Verdict: TypeAlias = Literal["better", "worse", "no difference", "insufficient data"]
Key: TypeAlias = tuple[bool, str]
"""Whether it is the whole, and the cohort's key."""

WHOLE = "*"
MIN_N = 20
"""Fewer pairs, or fewer traces on a side, are no ground for a verdict."""
MAX_COHORTS = 200
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric in one cohort, before correction for the number of cohorts."""

    metric: Metric
    base: Value
    candidate: Value
    difference: Difference
    paired: bool

    @property
    def sufficient(self) -> bool:
        """Whether there is enough to judge by."""
        return min(self.base.n, self.candidate.n) >= MIN_N and self.difference.p_value is not None


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
            _Reader(driver, selection, metrics, by, cohort), metrics, watched=not query.filter.until
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


# --- reading ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of a cohort was seen on both sides."""

    traces: tuple[int, int] = (0, 0)
    paired: tuple[int, int] = (0, 0)
    pairs: int = 0

    @property
    def is_paired(self) -> bool:
        """Whether the sides mostly answered the same questions."""
        smaller = 0 if self.traces[0] <= self.traces[1] else 1
        return self.pairs > 0 and 2 * self.paired[smaller] >= self.traces[smaller]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The whole and the cohorts in the order they are shown, and what the statements that follow may assume."""

    cohorts: dict[Key, Size]
    sessions: bool
    """Whether any trace belongs to a session."""
    mixed: bool
    """Whether the traces of one question lie in several cohorts."""


class _Reader:
    """Runs the statements of one comparison on one handle: the first reads the traces, the others what it kept."""

    def __init__(
        self,
        driver: Driver,
        selection: Selection,
        metrics: Sequence[Metric],
        by: Dimension,
        cohort: Dimension | None,
    ) -> None:
        self._driver = driver
        self._metrics = metrics
        self._columns = {
            "Side": f"CAST({by.sql} = {{side_candidate:String}}, 'UInt8')",
            "Cohort": cohort.sql if cohort else "''",
            # Grouping by numbers costs half of grouping by text; 0 is the whole.
            "CohortHash": "CAST(greatest(1, sipHash64(Cohort)), 'UInt64')" if cohort else "toUInt64(0)",
            "HasSession": "Session != ''",
            "Cluster": "if(Session = '', toUInt64(TraceKey), sipHash64(Session))",
            "Pair": "if(DatasetRow = '', QueryHash, sipHash64('dataset row', DatasetRow))",
        }
        self._ids = "[0, CohortHash]" if cohort else "[toUInt64(0)]"
        rows = per_trace(metrics, selection, self._columns)
        sql = statement(__package__, "compare_rows").replace("PER_TRACE", rows.sql)
        used = ", ".join(f"{name} = {value}" for name, value in ONE_THREAD.items())
        driver.command(f"{sql}SETTINGS {used}", {**rows.parameters, **(cohort.parameters if cohort else {})})

    def close(self) -> None:
        """Drop what was kept."""
        self._driver.command("DROP TEMPORARY TABLE IF EXISTS compared")

    def sizes(self) -> Sizes:
        """What there is on both sides."""
        rows = self._run("compare_sizes", [], self._groups(mixed=False), {"cohorts": MAX_COHORTS + 1})
        mixed = any(row["Mixed"] for row in rows)
        if mixed:
            rows = self._run("compare_sizes", [], self._groups(mixed=True), {"cohorts": MAX_COHORTS + 1})
        cohorts = {
            _key(row): Size(
                traces=(int(row["BaseTraces"]), int(row["CandidateTraces"])),
                paired=(int(row["BasePaired"]), int(row["CandidatePaired"])),
                pairs=int(row["Pairs"]),
            )
            for row in rows
        }
        sessions = any(row["Sessions"] for row in rows)
        return Sizes(cohorts=cohorts or {(True, ""): Size()}, sessions=sessions, mixed=mixed)

    def pairs(self, metrics: Sequence[Metric], sizes: Sizes) -> dict[Key, Any]:
        """Sums over the pairs of each cohort."""
        parts = {
            **self._groups(mixed=sizes.mixed),
            "WITHIN": within_pair(metrics),
            "SUMS": pair_sums(metrics),
        }
        rows = self._run("compare_paired", metrics, parts, {"keys": _names(sizes)})
        return {_key(row): row for row in rows}

    def sides(self, metrics: Sequence[Metric], sizes: Sizes) -> dict[tuple[Key, int], Any]:
        """Sums over the traces of each cohort and side."""
        parts = {"COHORT_IDS": self._ids, "SUMS": trace_sums(metrics)}
        rows = self._run("compare_sides", metrics, parts, {"keys": _names(sizes)})
        return {(_key(row), int(row["Side"])): row for row in rows}

    def clusters(self, metrics: Sequence[Metric], sizes: Sizes) -> dict[tuple[Key, int], Any]:
        """The same sums over the sessions of each cohort and side."""
        parts = {"COHORT_IDS": self._ids, "WITHIN": within_cluster(metrics), "SUMS": cluster_sums(metrics)}
        rows = self._run("compare_clusters", metrics, parts, {"keys": _names(sizes)})
        return {(_key(row), int(row["Side"])): row for row in rows}

    def _groups(self, *, mixed: bool) -> dict[str, str]:
        """How pairs are grouped: once, and counted for the whole and their cohort; or for each by itself."""
        if mixed:
            return {"GROUP_IDS": "[Id]", "GROUP_ID": f"arrayJoin({self._ids})"}
        ids = self._ids.replace("CohortHash", "max(CohortHash)")
        return {"GROUP_IDS": ids, "GROUP_ID": "if(Pair = 0, CohortHash, 0)"}

    def _run(
        self, name: str, metrics: Sequence[Metric], parts: Mapping[str, str], values: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        sql = statement(__package__, name)
        for mark, text in {**parts, "ROWS": self._rows(metrics)}.items():
            sql = sql.replace(mark, text)
        return self._driver.query(sql, values, ONE_THREAD)

    def _rows(self, metrics: Sequence[Metric]) -> str:
        """What was kept, with the columns of ``metrics`` numbered as they stand there."""
        columns = list(self._columns)
        for index, metric in enumerate(metrics):
            kept = self._metrics.index(metric)
            columns.append(f"compared.v{kept} AS v{index}")
            if metric.form is Form.RATIO:
                columns.append(f"compared.w{kept} AS w{index}")
        return f"(SELECT {', '.join(columns)} FROM compared)"  # noqa: S608


def _key(row: Mapping[str, Any]) -> Key:
    return row["CohortId"] == 0, str(row["Key"])


def _names(sizes: Sizes) -> list[str]:
    return [key for whole, key in sizes.cohorts if not whole]


# --- judging ----------------------------------------------------------------------------------------------


def _compared(
    reader: _Reader, metrics: Sequence[Metric], *, watched: bool
) -> tuple[Sizes, dict[str, dict[Key, dict[str, Any]]]]:
    try:
        sizes = reader.sizes()
        return sizes, _comparisons(reader, sizes, metrics, watched=watched)
    finally:
        reader.close()


def _comparisons(
    reader: _Reader, sizes: Sizes, metrics: Sequence[Metric], *, watched: bool
) -> dict[str, dict[Key, dict[str, Any]]]:
    """Per metric and cohort, the API's object; one correction per metric over its cohorts."""
    paired = {key for key, size in sizes.cohorts.items() if size.is_paired}
    in_pairs = [metric for metric in metrics if metric.form in _PAIRABLE] if paired else []
    alone = [metric for metric in metrics if metric not in in_pairs or len(paired) < len(sizes.cohorts)]
    clustered = [metric for metric in alone if sizes.sessions and metric.form in _CLUSTERED]
    plain = [metric for metric in alone if metric not in clustered]
    pairs = reader.pairs(in_pairs, sizes) if in_pairs else {}
    sides = reader.sides(plain, sizes) if plain else {}
    clusters = reader.clusters(clustered, sizes) if clustered else {}

    def one(metric: Metric, key: Key) -> Comparison:
        if metric in in_pairs and key in paired:
            row = pairs.get(key)
            return compare_paired(
                metric, row[f"s{in_pairs.index(metric)}"] if row else (0,) * 7, watched=watched
            )
        rows, order = (clusters, clustered) if metric in clustered else (sides, plain)
        both = [rows.get((key, side)) for side in (0, 1)]
        name = f"s{order.index(metric)}"
        return compare_sides(metric, *(row[name] if row else None for row in both), watched=watched)

    return {metric.name: judge({key: one(metric, key) for key in sizes.cohorts}) for metric in metrics}


def compare_paired(metric: Metric, sums: Sequence[Any], *, watched: bool) -> Comparison:
    """A rate or mean over pairs: ``sums`` as `sums.pair_sums` orders them. Pure."""
    n = int(sums[0])
    base, base_squares, candidate, candidate_squares, total, squares = (float(each or 0) for each in sums[1:])
    one = rate_value if metric.form is Form.RATE else mean_value
    difference = paired_rates if metric.form is Form.RATE else paired_means
    return Comparison(
        metric=metric,
        base=one(_of_pairs(n, base, base_squares)),
        candidate=one(_of_pairs(n, candidate, candidate_squares)),
        difference=difference(n, total, squares, watched=watched),
        paired=True,
    )


def _of_pairs(n: int, total: float, squares: float) -> Sums:
    return Sums(n=n, clusters=n, total=total, weight=n, squares=squares, weight_squares=n, products=total)


def compare_sides(metric: Metric, base: Any, candidate: Any, *, watched: bool) -> Comparison:
    """Two independent sides: each as `sums.cluster_sums` sums it, or None without a trace. Pure."""
    values = [value_of(metric, each) for each in (base, candidate)]
    difference = Difference(value=nothing(values[0].n + values[1].n), p_value=None)
    if base is not None and candidate is not None:
        difference = _difference(metric, base, candidate, values, watched=watched)
    return Comparison(metric=metric, base=values[0], candidate=values[1], difference=difference, paired=False)


def _difference(
    metric: Metric, base: Any, candidate: Any, values: Sequence[Value], *, watched: bool
) -> Difference:
    if metric.form is Form.COUNT:
        change = (values[1].value or 0) - (values[0].value or 0)
        counted = Value(value=change, low=None, high=None, n=values[0].n + values[1].n)
        return Difference(value=counted, p_value=None)
    if metric.form is Form.QUANTILE:
        quantiles = [quantile_of(metric, each) for each in (base, candidate)]
        return quantile_difference(*quantiles, watched=watched)
    sums = [sums_of(each) for each in (base, candidate)]
    between = newcombe if metric.form is Form.RATE else mean_difference
    return between(*sums, watched=watched)


def judge(compared: Mapping[Key, Comparison]) -> dict[Key, dict[str, Any]]:
    """Verdicts on one metric: p-values adjusted over the cohorts that have enough data. Pure."""
    judged = [key for key, each in compared.items() if each.sufficient]
    p_values = dict(
        zip(judged, adjusted([compared[key].difference.p_value or 0.0 for key in judged]), strict=True)
    )
    return {key: _as_json(each, p_values.get(key)) for key, each in compared.items()}


def _as_json(each: Comparison, p_value: float | None) -> dict[str, Any]:
    return {
        "base": each.base.as_json(),
        "candidate": each.candidate.as_json(),
        "difference": each.difference.value.as_json(),
        "paired": each.paired,
        "p_value": p_value,
        "verdict": verdict(each, p_value),
    }


def verdict(each: Comparison, p_value: float | None) -> Verdict | None:
    """What to make of a comparison with its adjusted p-value; None for a count."""
    if each.metric.direction is None:
        return None
    if not each.sufficient or p_value is None:
        return "insufficient data"
    change = each.difference.value.value or 0.0
    if p_value > ALPHA or not change:
        return "no difference"
    return "better" if (change > 0) == (each.metric.direction == "higher") else "worse"
