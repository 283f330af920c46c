"""Sums that SQL makes over the rows of `values.per_trace`, and what is read from them. Pure.

Planning a statement costs as much as reading 100,000 rows: each asks only for what cannot be worked out here.
Each statement sums a metric into one tuple `s{i}`; the functions that write a tuple and the one that reads it
stand together here.
"""

from __future__ import annotations

import math
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
_HIGH_LEVEL = 0.95
"""From here on it pays to sort only what lies above a quantile."""

NO_PAIRS = (0,) * 9
"""`pair_sums` where there is no pair."""


def trace_sums(metrics: Sequence[Metric]) -> str:
    """Sums over independent traces."""
    columns = [_column_of(metrics, metric) for metric in metrics]
    sorted_whole = {
        column for column, metric in zip(columns, metrics, strict=True) if metric.level < _HIGH_LEVEL
    }
    return _named(
        "s",
        (
            _quantile(index, column, metric, high=column not in sorted_whole)
            if metric.form is Form.QUANTILE
            else _trace_sum(column, metric)
            for index, (column, metric) in enumerate(zip(columns, metrics, strict=True))
        ),
    )


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
    n = f"count({v})"
    if metric.form is Form.RATIO:
        return _tuple(n, n, f"sum({v})", f"sum({w})", f"sum({v} * {v})", f"sum({w} * {w})", f"sum({v} * {w})")
    if metric.form is Form.RATE:
        return _tuple(n, f"sum({v})")
    return _tuple(n, f"sum({v})", f"sum({v} * {v})")


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


def _quantile(index: int, column: int, metric: Metric, *, high: bool) -> str:
    """Number ``index``, of a column; ``high`` where all quantiles of the column are near its largest value."""
    values, count = f"groupArray(v{column})", f"count(v{column})"
    if metric.many:
        values, count = f"groupArrayArray(v{column})", f"sum(length(v{column}))"
    deviation = math.sqrt(metric.level * (1 - metric.level))
    reach = f"greatest({_SPREAD}, {_SPREAD * deviation:.9f} * sqrt(qINDEX))"
    marks = {
        "VALUES": values,
        "LENGTH": "(toInt64(2 * WIDTH) + 5)",
        "WIDTH": reach,
        "LEVEL": str(metric.level),
        "COUNT": count,
        "INDEX": str(index),
    }
    sql = statement(__package__, "quantile_high" if high else "quantile")
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
    if metric.form is Form.RATE:
        return rate_value(sums_of(row))
    return mean_value(sums_of(row, unit=metric.unit)).within(metric.least, metric.most)


def sums_of(row: Sequence[Any], *, unit: bool = False) -> Sums:
    """The sums of a rate, mean or ratio; a sum over no rows is null and counts as 0."""
    numbers = [each or 0 for each in row]
    # Of independent traces a rate has its number and total, a mean its squares, too.
    if len(numbers) in (2, 3):
        n, total, squares = numbers[0], numbers[1], numbers[-1]
        numbers = [n, n, total, n, squares, n, total]
    n, clusters, total, weight, squares, weight_squares, products = numbers
    return Sums(
        n=int(n),
        clusters=int(clusters),
        total=float(total),
        weight=float(weight),
        squares=float(squares),
        weight_squares=float(weight_squares),
        products=float(products),
        unit=unit,
    )


def quantile_of(metric: Metric, row: Sequence[Any]) -> Quantile:
    """From what `quantile.sql` found: how many values, a rank, and the values in order from that rank on."""
    n, first, values = int(row[0]), int(row[1]), row[2]
    if not n:
        return Quantile(level=metric.level, n=0, value=None, ranks=(), values=())
    ranks = _ranks(n, metric.level)
    return Quantile(
        level=metric.level,
        n=n,
        value=float(values[max(1, math.ceil(n * metric.level)) - first]),
        ranks=ranks,
        values=tuple(float(values[rank - first]) for rank in ranks),
    )


def _ranks(n: int, level: float) -> tuple[int, ...]:
    """The ranks of the order statistics that are kept."""
    step = _SPREAD / _STEPS * max(1.0, math.sqrt(n * level * (1 - level)))
    places = (round(n * level + each * step) for each in range(-_STEPS, _STEPS + 1))
    return tuple(sorted({min(n, max(1, place)) for place in places}))
