"""Sums that SQL makes over the rows of `values.per_trace`, and what is read from them. Pure.

Each statement sums a metric into one tuple `s{i}`; the functions that write a tuple and the one that reads it
stand together here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.intervals import Quantile, Sums, Value, mean_value, nothing, rate_value
from groundtrace_collector.query.metrics import Form, Metric
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Order statistics are kept up to 6 standard errors from a quantile, beyond any critical value in use, in
# steps of an eighth: an interval is at most that much wider than with the exact ranks.
_SPREAD, _STEPS = 6, 48

NO_PAIRS = (0,) * 9
"""`pair_sums` where there is no pair."""


def trace_sums(metrics: Sequence[Metric]) -> str:
    """Sums over independent traces."""
    return _named("s", (_trace_sum(_column_of(metrics, metric), metric) for metric in metrics))


def _column_of(metrics: Sequence[Metric], metric: Metric) -> int:
    """The number of the metric's column: quantiles of one value share the first, which is then sorted once."""
    if metric.form is not Form.QUANTILE or metric.parameters:
        return metrics.index(metric)
    alike = (
        each.form is metric.form and each.value == metric.value and not each.parameters for each in metrics
    )
    return next(index for index, same in enumerate(alike) if same)


def _trace_sum(index: int, metric: Metric) -> str:
    v, w = f"v{index}", f"w{index}"
    if metric.form is Form.COUNT:
        return f"tuple(count(), sum({v}))"
    if metric.form is Form.QUANTILE:
        return _quantile(f"{'groupArrayArray' if metric.many else 'groupArray'}({v})", metric.level)
    n = f"count({v})"
    if metric.form is Form.RATIO:
        return _tuple(n, n, f"sum({v})", f"sum({w})", f"sum({v} * {v})", f"sum({w} * {w})", f"sum({v} * {w})")
    return _tuple(n, n, f"sum({v})", n, f"sum({v} * {v})", n, f"sum({v})")


def within_cluster(metrics: Sequence[Metric]) -> str:
    """Of one cluster, for rates, means and ratios: the number `n{i}`, total `t{i}` and weight `u{i}`."""
    return ",\n        ".join(_within_cluster(index, metric) for index, metric in enumerate(metrics))


def _within_cluster(index: int, metric: Metric) -> str:
    v = f"v{index}"
    weight = f"sum(w{index})" if metric.form is Form.RATIO else f"toFloat64(count({v}))"
    return f"count({v}) AS n{index}, ifNull(sum({v}), 0) AS t{index}, ifNull({weight}, 0) AS u{index}"


def cluster_sums(metrics: Sequence[Metric]) -> str:
    """Sums over the clusters of `within_cluster`."""
    return _named("s", (_cluster_sum(index) for index, _ in enumerate(metrics)))


def _cluster_sum(index: int) -> str:
    n, t, u = f"n{index}", f"t{index}", f"u{index}"
    squares = (f"sum({t} * {t})", f"sum({u} * {u})", f"sum({t} * {u})")
    return _tuple(f"sum({n})", f"countIf({n} > 0)", f"sum({t})", f"sum({u})", *squares)


def within_pair(metrics: Sequence[Metric]) -> str:
    """Of one pair: whether both sides have a value, `k{i}`, and their means then, `b{i}` and `c{i}`, else 0.

    Of a measure of the pair itself its value `x{i}`, else null.
    """
    return ",\n        ".join(_within_pair(index, metric) for index, metric in enumerate(metrics))


def _within_pair(index: int, metric: Metric) -> str:
    v, b, c = f"v{index}", f"b{index}", f"c{index}"
    if metric.form is not Form.PAIR:
        # Numbers that cannot be null are summed in half the time.
        means = ", ".join(f"ifNull(avgIf({v}, Side = {side}), nan) AS m{side}{index}" for side in (0, 1))
        both = f"Pair != 0 AND isFinite(m0{index}) AND isFinite(m1{index}) AS k{index}"
        return f"{means}, {both}, if(k{index}, m0{index}, 0) AS {b}, if(k{index}, m1{index}, 0) AS {c}"
    newest = (f"argMaxIf({v}, Newest, Side = {side} AND notEmpty({v}))" for side in (0, 1))
    value = re.sub(r"\b(base|candidate)\b", lambda side: b if side[0] == "base" else c, metric.between)
    sides = ", ".join(f"{sql} AS {name}" for sql, name in zip(newest, (b, c), strict=True))
    return f"{sides}, if(Pair = 0 OR empty({b}) OR empty({c}), NULL, {value}) AS x{index}"


def pair_sums(metrics: Sequence[Metric]) -> str:
    """Over pairs with both sides: how many; sums and squares of base, of candidate, of their difference; in how
    many the candidate's is higher, and lower.

    Of a measure of the pair itself (`Form.PAIR`), its own sum and squares stand as the difference's.
    """
    return _named("s", (_pair_sum(index, metric) for index, metric in enumerate(metrics)))


def _pair_sum(index: int, metric: Metric) -> str:
    if metric.form is Form.PAIR:
        x = f"x{index}"
        return _tuple(f"count({x})", "0", "0", "0", "0", f"sum({x})", f"sum({x} * {x})", "0", "0")
    b, c = f"b{index}", f"c{index}"
    sums = (b, f"{b} * {b}", c, f"{c} * {c}", f"{c} - {b}", f"({c} - {b}) * ({c} - {b})")
    orders = (f"countIf({c} {order} {b})" for order in (">", "<"))
    return _tuple(f"sum(k{index})", *(f"sum({each})" for each in sums), *orders)


def _named(prefix: str, parts: Iterable[str]) -> str:
    return ",\n    ".join(f"{sql} AS {prefix}{index}" for index, sql in enumerate(parts))


def _tuple(*parts: str) -> str:
    return f"tuple({', '.join(parts)})"


def _quantile(values: str, level: float) -> str:
    marks = {"LEVEL": str(level), "SPREAD": str(_SPREAD), "STEPS": str(_STEPS), "VALUES": values}
    sql = statement(__package__, "quantile")
    for mark, text in marks.items():
        sql = sql.replace(mark, text)
    return sql.strip()


# --- reading ----------------------------------------------------------------------------------------------


def value_of(metric: Metric, row: Sequence[Any] | None) -> Value:
    """The metric of a cohort or side from its sums; undefined without any."""
    if row is None:
        return nothing()
    if metric.form is Form.COUNT:
        return Value(value=float(row[1] or 0), low=None, high=None, n=int(row[0]))
    if metric.form is Form.QUANTILE:
        return quantile_of(metric, row).as_value()
    sums = sums_of(row)
    return (
        rate_value(sums) if metric.form is Form.RATE else mean_value(sums).within(metric.least, metric.most)
    )


def sums_of(row: Sequence[Any]) -> Sums:
    """The seven sums of a rate, mean or ratio; a sum over no rows is null and counts as 0."""
    n, clusters, total, weight, squares, weight_squares, products = (each or 0 for each in row)
    return Sums(
        n=int(n),
        clusters=int(clusters),
        total=float(total),
        weight=float(weight),
        squares=float(squares),
        weight_squares=float(weight_squares),
        products=float(products),
    )


def quantile_of(metric: Metric, row: Sequence[Any]) -> Quantile:
    """What `quantile.sql` found."""
    n, value, ranks, values = row
    if not n:
        return Quantile(level=metric.level, n=0, value=None, ranks=(), values=())
    return Quantile(
        level=metric.level, n=int(n), value=float(value), ranks=tuple(ranks), values=tuple(values)
    )
