"""95 % intervals and p-values in closed form, from sums that SQL has made. Pure.

Every interval here is a function of a *critical value*: how many standard errors it reaches. A `Law` gives
that value and turns a distance in standard errors back into a p-value: for a sample of fixed size by the
normal or Student's t distribution, for one that is looked at while it grows by a confidence sequence.
So the same estimators serve both, and an interval excludes 0 exactly when its p-value is below 0.05.

scipy.special is imported by the functions that need it: importing it costs half a second, scipy.stats two.

Sources, by function:

- `wilson`: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927.
- `ratio` with clusters: Cochran, Sampling Techniques, 3rd ed., 1977, sections 6.3 and 9A: the linearised
  variance of a ratio of cluster totals; a mean is the ratio of totals to counts. The effective sample size of
  a clustered rate: Korn and Graubard, Survey Methodology 24, 1998.
- `order_ranks`: David and Nagaraja, Order Statistics, 3rd ed., 2003, section 7.1.
- `Law` while watched: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
  asymptotic confidence sequences, Annals of Statistics 52, 2024, theorem 2.2: the normal mixture of Robbins,
  and Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics 49, 2021.
- `adjusted`: Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

ALPHA = 0.05
_NORMAL = NormalDist()
Z = _NORMAL.inv_cdf(1 - ALPHA / 2)

Bounds: TypeAlias = "tuple[float | None, float | None]"

TUNED_TO = 500
"""The number of observations at which the confidence sequence is narrowest; fixed before any data."""


MIN_MOVING = 10
"""Observations that must differ from the rest for their spread to say how far a mean may be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """An estimate with its interval; what is undefined is None, and ``n`` always stands."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def within(self, least: float, most: float) -> Value:
        """With an interval cut to what the estimate can be; one that is beyond that itself stays in its interval."""
        if self.value is None:
            return self
        return replace(
            self,
            low=None if self.low is None else max(self.low, min(least, self.value)),
            high=None if self.high is None else min(self.high, max(most, self.value)),
        )

    def as_json(self) -> dict[str, float | int | None]:
        """The API's `{"value", "low", "high", "n"}`."""
        return {
            "value": _finite(self.value),
            "low": _finite(self.low),
            "high": _finite(self.high),
            "n": self.n,
        }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def nothing(n: int = 0) -> Value:
    """The value of a metric that is undefined for a cohort."""
    return Value(value=None, low=None, high=None, n=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """How distances in standard errors turn into probability.

    ``df`` are Student's degrees of freedom, infinite for the normal distribution. ``watched`` is the number
    of observations so far of a sample that is looked at while it grows, None for one of fixed size.
    """

    df: float = math.inf
    watched: float | None = None

    def critical(self) -> float:
        """Standard errors that a 95 % interval reaches to either side."""
        return student(Z if self.watched is None else _mixture_critical(self._k), self.df)

    def p_value(self, distance: float) -> float:
        """Two-sided p-value of an estimate that far from 0 in standard errors; at every look if watched."""
        z = normal(abs(distance), self.df)
        if self.watched is None:
            return math.erfc(z / math.sqrt(2))
        k = self._k
        return min(1.0, math.sqrt(k + 1) * math.exp(-k * min(z, 1e3) ** 2 / (2 * (k + 1))))

    @property
    def _k(self) -> float:
        """t times rho squared: the sample size in units of the mixture's scale."""
        tuned = -2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)
        return (self.watched or 0.0) * tuned / TUNED_TO


def _mixture_critical(k: float) -> float:
    return math.sqrt(2 * (k + 1) / k * math.log(math.sqrt(k + 1) / ALPHA)) if k > 0 else math.inf


def student(z: float, df: float) -> float:
    """The distance under Student's t that is as likely as ``z`` under the normal distribution."""
    if math.isinf(df) or math.isinf(z):
        return z
    from scipy.special import ndtr, stdtrit

    return -float(stdtrit(df, ndtr(-z)))


def normal(t: float, df: float) -> float:
    """The opposite of `student`."""
    if math.isinf(df) or math.isinf(t):
        return t
    from scipy.special import ndtri, stdtr

    return -float(ndtri(stdtr(df, -t)))


# --- one sample -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over clusters: of the values S and of the weights W within each, their squares and products.

    For a mean or a rate a cluster's weight is its number of observations; for a ratio it is the sum of the
    denominator. Independent observations are clusters of one.
    """

    n: int
    clusters: int
    total: float
    weight: float
    squares: float
    weight_squares: float
    products: float
    unit: bool = False
    """Whether every observation is known to lie in [0, 1]."""

    @property
    def mean(self) -> float | None:
        """Total over weight, None where there is no weight."""
        return self.total / self.weight if self.weight else None

    @property
    def variance(self) -> float | None:
        """Of the mean, by linearisation; None below two clusters.

        Of few that differ it is at least what Wilson's interval implies.
        """
        mean = self.mean
        if mean is None or self.clusters < 2:
            return None
        shown = self.clusters / (self.clusters - 1) * self._residual / self.weight**2
        if not self.few:
            return shown
        low, high = wilson(mean, self.clusters, Z)
        return max(shown, (max(mean - low, high - mean) / Z) ** 2)

    @property
    def few(self) -> bool:
        """Whether the observations are in [0, 1] and too few differ from the rest to show their spread.

        Of 60 none failed, or one, and of 60 others it may be five. How many clusters are not all 0, or not all 1,
        is the square of their sum over the sum of their squares (Kish, Survey Sampling, 1965, section 8.2).
        """
        if not self.unit or self.mean is None or not 0 <= self.mean <= 1:
            return False
        above = self.total, self.squares
        below = self.weight - self.total, self.weight_squares - 2 * self.products + self.squares
        moving = min(total**2 / squares if squares > 0 else 0.0 for total, squares in (above, below))
        return moving < MIN_MOVING or not self._residual

    def bounds(self, z: float) -> tuple[float, float]:
        """So many standard errors to either side of the mean; of few that differ Wilson's, over the clusters."""
        mean, variance = self.mean or 0.0, self.variance or 0.0
        if self.few:
            return wilson(mean, self.clusters, z)
        reach = z * math.sqrt(variance) if variance else 0.0
        return mean - reach, mean + reach

    @property
    def _residual(self) -> float:
        mean = self.mean or 0.0
        parts = (self.squares, -2 * mean * self.products, mean * mean * self.weight_squares)
        residual = sum(parts)
        # What is left of equal numbers is rounding.
        return 0.0 if residual <= 1e-12 * max(abs(part) for part in parts) else residual

    @property
    def effective_n(self) -> float:
        """The number of independent observations that tell as much about a rate as these do.

        Where the rate is 0 or 1 its spread between clusters cannot be seen; then each cluster counts as one.
        """
        rate, variance = self.mean, self.variance
        if self.clusters == self.n or rate is None or variance is None:
            return float(self.n)
        if not 0 < rate < 1:
            return float(self.clusters)
        return min(float(self.n), rate * (1 - rate) / variance if variance else float(self.n))


def mean_value(sums: Sums) -> Value:
    """A mean or a ratio with Student's t interval, or Wilson's (`Sums.few`)."""
    if sums.mean is None:
        return nothing(sums.n)
    if sums.clusters < 2:
        return Value(value=sums.mean, low=None, high=None, n=sums.n)
    low, high = sums.bounds(Law(df=sums.clusters - 1).critical())
    return Value(value=sums.mean, low=low, high=high, n=sums.n)


def rate_value(sums: Sums) -> Value:
    """A rate with Wilson's interval, which never leaves [0, 1] and does not shrink to a point at 0 of n."""
    if sums.mean is None:
        return nothing(sums.n)
    low, high = wilson(sums.mean, sums.effective_n, Z)
    return Value(value=sums.mean, low=low, high=high, n=sums.n)


def wilson(rate: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of a rate over ``n`` observations.

    >>> [round(bound, 4) for bound in wilson(0.0, 40, Z)]
    [0.0, 0.0876]
    """
    if math.isinf(z):
        return 0.0, 1.0
    centre = rate + z * z / (2 * n)
    reach = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, min(rate, (centre - reach) / scale)), min(1.0, max(rate, (centre + reach) / scale))


# --- quantiles --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A sample's quantile and the order statistics around it, thinned: rank from 1 and value, ascending."""

    level: float
    n: int
    value: float | None
    ranks: tuple[int, ...]
    values: tuple[float, ...]

    def bounds(self, z: float) -> Bounds:
        """The order statistics between which the quantile lies; None where the sample has none far enough.

        A rank that was thinned out is replaced by the next one outwards.
        """
        low, high = order_ranks(self.n, self.level, z)
        below = [value for rank, value in zip(self.ranks, self.values, strict=True) if low and rank <= low]
        above = [value for rank, value in zip(self.ranks, self.values, strict=True) if high and rank >= high]
        return below[-1] if below else None, above[0] if above else None

    def as_value(self) -> Value:
        """With the interval that covers with at least 95 %, whatever the distribution."""
        low, high = self.bounds(Z)
        return Value(value=self.value, low=low, high=high, n=self.n)


@lru_cache(maxsize=4_096)
def order_ranks(n: int, level: float, z: float) -> tuple[int | None, int | None]:
    """Ranks from 1 of the order statistics around a quantile, each tail at most as likely as beyond ``z``.

    The number of observations up to the quantile is binomial. None where no rank is far enough.

    >>> order_ranks(200, 0.5, Z), order_ranks(200, 0.99, Z)
    ((86, 115), (195, None))
    """
    from scipy.special import bdtr, bdtrc

    tail = _NORMAL.cdf(-z) if math.isfinite(z) else 0.0
    low = _last(lambda rank: bool(bdtr(rank - 1, n, level) <= tail), n)
    high = n + 1 - _last(lambda back: bool(bdtrc(n - back, n, level) <= tail), n)
    return low or None, high if high <= n else None


def _last(holds: Callable[[int], bool], n: int) -> int:
    """The largest of 1 to n up to which ``holds`` is true, 0 if it never is; ``holds`` turns false once."""
    known, unknown = 0, n + 1
    while unknown - known > 1:
        middle = (known + unknown) // 2
        known, unknown = (middle, unknown) if holds(middle) else (known, middle)
    return known


# --- many p-values ----------------------------------------------------------------------------------------


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given.

    As scipy.stats.false_discovery_control, whose import would cost each server 100 MB.

    >>> adjusted([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    result = [1.0] * len(p_values)
    least = 1.0
    for place, index in enumerate(order):
        least = min(least, p_values[index] * len(p_values) / (len(p_values) - place))
        result[index] = least
    return result
