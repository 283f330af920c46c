"""Differences of two samples in closed form, candidate minus base: interval, p-value, what could be detected. Pure.

Sources, by function:

- `newcombe`: Newcombe, Interval estimation for the difference between independent proportions, Statistics in
  Medicine 17, 1998, method 10. It is MOVER (Zou and Donner, Statistics in Medicine 27, 2008) on two Wilson
  intervals; `mover` is the general form.
- `paired_rates`: Bonett and Price, Adjusted Wald confidence interval for a difference of binomial proportions
  based on paired data, Journal of Educational and Behavioral Statistics 37, 2012: one pair added each way.
- `detectable`: Bloom, Minimum detectable effects, Evaluation Review 19, 1995: the standard error times the sum of
  the distances that the test and the power ask for. `detectable_rates`: the same with the standard error that the
  difference itself brings about, as Fleiss, Statistical Methods for Rates and Proportions, 2nd ed., 1981, ch. 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from groundtrace_collector.query.intervals import (
    MIN_MOVING,
    Law,
    Quantile,
    Sums,
    Value,
    nothing,
    student,
    wilson,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from groundtrace_collector.query.intervals import Bounds

POWER = 0.8
"""With which a difference of the size stated as detectable is found."""
_Z_POWER = NormalDist().inv_cdf(POWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Candidate minus base, with the interval and the p-value that a verdict rests on, before correction."""

    value: Value
    p_value: float | None
    """None where there is no interval."""
    detectable: float | None = None
    """The smallest true difference that is found in 80 % of such samples, either way; before correction."""

    def within(self, least: float, most: float) -> Difference:
        """With the interval cut to what the difference can be, and nothing detectable where that would be beyond it."""
        beyond = self.detectable is not None and self.detectable > most
        return replace(
            self, value=self.value.within(least, most), detectable=None if beyond else self.detectable
        )


def mean_difference(base: Sums, candidate: Sums, *, watched: bool) -> Difference:
    """Of two independent means or ratios: Welch's t over clusters, or MOVER on their own intervals (`Sums.few`)."""
    n = base.n + candidate.n
    if base.mean is None or candidate.mean is None:
        return Difference(value=nothing(n), p_value=None)
    value = candidate.mean - base.mean
    if base.variance is None or candidate.variance is None:
        return Difference(value=Value(value=value, low=None, high=None, n=n), p_value=None)
    clusters = base.clusters + candidate.clusters
    if base.few or candidate.few:
        law = Law(df=clusters - 2, watched=clusters if watched else None)
        error = math.sqrt(base.variance + candidate.variance)
        found = _moved(base, candidate, base.bounds, candidate.bounds, law)
        return replace(found, detectable=detectable(error, law))
    variance = base.variance + candidate.variance
    parts = base.variance**2 / (base.clusters - 1) + candidate.variance**2 / (candidate.clusters - 1)
    law = Law(
        df=variance**2 / parts if parts else math.inf,
        watched=clusters if watched else None,
    )
    return symmetric(value, value, variance, n, law)


def paired_means(n: int, total: float, squares: float, *, watched: bool, unit: bool = False) -> Difference:
    """Of pairs with differences that sum to ``total`` and their squares to ``squares``: Student's t.

    ``unit`` says that they lie in [0, 1], as measures of a pair do (`intervals.Sums`).
    """
    sums = Sums(
        n=n, clusters=n, total=total, weight=n, squares=squares, weight_squares=n, products=total, unit=unit
    )
    if sums.mean is None or sums.variance is None:
        return Difference(value=Value(value=sums.mean, low=None, high=None, n=n), p_value=None)
    law = Law(df=n - 1, watched=n if watched else None)
    found = symmetric(sums.mean, sums.mean, sums.variance, n, law)
    low, high = sums.bounds(law.critical())
    return replace(found, value=Value(value=sums.mean, low=low, high=high, n=n))


def paired_units(n: int, total: float, squares: float, *, moving: int, watched: bool) -> Difference:
    """Of pairs of means in [0, 1]: Student's t; where few differ, or all by the same, the interval that rates have.

    ``moving`` is how many pairs differ.
    """
    found = paired_means(n, total, squares, watched=watched)
    no_spread = found.p_value is not None and found.value.low == found.value.high
    few = moving < MIN_MOVING or no_spread
    return paired_rates(n, total, squares, watched=watched) if few else found


def paired_rates(n: int, total: float, squares: float, *, watched: bool) -> Difference:
    """Of pairs of rates: the adjusted Wald interval, as if one more pair had gone each way.

    Without the two pairs, 0 of 30 against 0 of 30 would be a difference of 0 with certainty.
    """
    if not n:
        return Difference(value=nothing(), p_value=None)
    more = n + 2
    centre = total / more
    variance = max(0.0, (squares + 2) / more - centre**2) / more
    difference = symmetric(total / n, centre, variance, n, Law(watched=n if watched else None))
    return replace(difference, value=difference.value.within(-1.0, 1.0))


def symmetric(value: float, centre: float, variance: float, n: int, law: Law) -> Difference:
    """A difference with an interval that reaches as far to both sides of ``centre``."""
    error = math.sqrt(variance)
    reach = law.critical() * error if error else 0.0
    distance = abs(centre) / error if error else (math.inf if centre else 0.0)
    interval = Value(value=value, low=centre - reach, high=centre + reach, n=n)
    return Difference(value=interval, p_value=law.p_value(distance), detectable=detectable(error, law))


def detectable(error: float, law: Law) -> float | None:
    """The smallest detectable difference of an estimate with this standard error; None where it is 0 or no number.

    >>> round(detectable(1.0, Law()), 2)
    2.8
    """
    size = _distance(law) * error
    return size if 0 < size < math.inf else None


def _distance(law: Law) -> float:
    """Standard errors between no difference and one that is detected with the power stated."""
    return law.critical() + student(_Z_POWER, law.df)


def detectable_rates(rate: float, n_base: float, n_candidate: float, law: Law) -> float | None:
    """The smallest detectable change of a rate, in the direction in which it is harder to find.

    Solves d = z sqrt(p (1 - p) / n_base + (p + d) (1 - p - d) / n_candidate). None where no such rate exists.

    >>> round(detectable_rates(0.1, 680, 680, Law()), 3)
    0.05
    """
    z2 = _distance(law) ** 2
    if not math.isfinite(z2):
        return None
    spread = z2 * rate * (1 - rate) * (1 / n_base + 1 / n_candidate)
    a, b = 1 + z2 / n_candidate, z2 * abs(1 - 2 * rate) / n_candidate
    change = (b + math.sqrt(b * b + 4 * a * spread)) / (2 * a)
    return change if 0 < change <= max(rate, 1 - rate) else None


def newcombe(base: Sums, candidate: Sums, *, watched: bool) -> Difference:
    """Of two independent rates: Newcombe's interval, over effective sample sizes where sessions repeat."""
    n = base.n + candidate.n
    if base.mean is None or candidate.mean is None:
        return Difference(value=nothing(n), p_value=None)
    clusters = base.clusters + candidate.clusters
    law = Law(df=math.inf if clusters == n else max(1, clusters - 2), watched=clusters if watched else None)
    rates, sizes = (base.mean, candidate.mean), (base.effective_n, candidate.effective_n)
    found = _moved(
        base,
        candidate,
        lambda z: wilson(rates[0], sizes[0], z),
        lambda z: wilson(rates[1], sizes[1], z),
        law,
    )
    return replace(found, detectable=detectable_rates(rates[0], *sizes, law))


def _moved(
    base: Sums,
    candidate: Sums,
    around_base: Callable[[float], Bounds],
    around_candidate: Callable[[float], Bounds],
    law: Law,
) -> Difference:
    """MOVER on the intervals that the sides have at a critical value."""
    means = base.mean or 0.0, candidate.mean or 0.0

    def bounds(z: float) -> Bounds:
        return mover(means[0], around_base(z), means[1], around_candidate(z))

    low, high = bounds(law.critical())
    value = means[1] - means[0]
    return Difference(
        value=Value(value=value, low=low, high=high, n=base.n + candidate.n),
        p_value=law.p_value(_crossing(value, bounds)),
    )


def _crossing(value: float, bounds: Callable[[float], Bounds]) -> float:
    """The largest critical value at which the interval still excludes 0; by bisection."""
    side = 0 if value > 0 else 1
    inside, outside = 0.0, 40.0
    for _ in range(50):
        middle = (inside + outside) / 2
        bound = bounds(middle)[side]
        excludes = bound is not None and (bound > 0 if side == 0 else bound < 0)
        inside, outside = (middle, outside) if excludes else (inside, middle)
    return inside


def quantile_difference(base: Quantile, candidate: Quantile, *, watched: bool) -> Difference:
    """Of two independent quantiles: MOVER on their order-statistic intervals.

    The p-value scales the distance by the reach of the interval on the side of 0, so it agrees with the
    interval at 0.05 and follows the normal law elsewhere. Sessions are not taken into account.
    """
    n = base.n + candidate.n
    if base.value is None or candidate.value is None:
        return Difference(value=nothing(n), p_value=None)
    law = Law(watched=n if watched else None)
    critical = law.critical()
    low, high = mover(base.value, base.bounds(critical), candidate.value, candidate.bounds(critical))
    value = candidate.value - base.value
    bound = low if value > 0 else high
    reach = None if bound is None else abs(value - bound)
    distance = 0.0 if reach is None or not value else critical * abs(value) / reach if reach else math.inf
    return Difference(
        value=Value(value=value, low=low, high=high, n=n),
        p_value=None if low is None and high is None else law.p_value(distance),
        detectable=None if low is None or high is None else detectable((high - low) / 2 / critical, law),
    )


def mover(base: float, around_base: Bounds, candidate: float, around_candidate: Bounds) -> Bounds:
    """The interval of a difference from the intervals of its two sides; a side that is unknown stays so."""

    def reach(inner: float | None, outer: float | None) -> float | None:
        return None if inner is None or outer is None else math.hypot(candidate - inner, outer - base)

    difference = candidate - base
    down, up = reach(around_candidate[0], around_base[1]), reach(around_candidate[1], around_base[0])
    return None if down is None else difference - down, None if up is None else difference + up
