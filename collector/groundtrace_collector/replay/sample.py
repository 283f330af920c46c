"""Estimates over clustered rows, with intervals and p-values. Pure, and the same for the same seed.

Up to 2,000 clusters by the bias-corrected accelerated bootstrap, which draws whole clusters; every measure of
a cohort shares its draws, so that a difference of two measures is drawn as a pair. From 2,000 clusters on by
Student's t on the influence of each cluster. Where fewer than ten clusters differ from the rest there is
nothing to draw from: rates then have Wilson's interval and their differences the adjusted one.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 14.3 (BCa; the acceleration
from influences: section 22.6); Hanley and McNeil, Radiology 143, 1982 (AUROC as a share of pairs);
DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988 (its influences).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from groundtrace_collector.query.differences import paired_rates
from groundtrace_collector.query.intervals import ALPHA, MIN_MOVING, Law, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

DRAWS: Final = 5_000
CLOSED_FORM_FROM: Final = 2_000
"""Clusters from which on the closed form serves (DESIGN section 3)."""
_AT_ONCE: Final = 500
_NORMAL = NormalDist()

Range = Literal["rate", "rate difference", "unbounded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A statistic of a cohort: its value, each cluster's influence on it, and its value in each draw.

    ``influence`` and ``drawn`` of estimates from one `Sample` belong together place by place.
    """

    value: float
    influence: Floats
    drawn: Floats | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """95 % bounds and the two-sided p-value of 0; None where there are none."""

    low: float | None
    high: float | None
    p_value: float | None


class Sample:
    """The rows of one cohort, in clusters that are drawn together."""

    def __init__(self, clusters: Sequence[int], *, seed: int, draws: int = DRAWS) -> None:
        _, codes = np.unique(np.asarray(clusters, dtype=np.intp), return_inverse=True)
        self._codes = codes
        self.rows = len(codes)
        self.clusters = int(codes.max()) + 1 if len(codes) else 0
        self._weights = self._draw(seed, draws) if 1 < self.clusters < CLOSED_FORM_FROM else None

    def _draw(self, seed: int, draws: int) -> NDArray[np.float32]:
        """How often each cluster is in each draw."""
        rng = np.random.default_rng(seed)
        weights = np.empty((draws, self.clusters), dtype=np.float32)
        for first in range(0, draws, _AT_ONCE):
            many = min(_AT_ONCE, draws - first)
            chosen = rng.integers(0, self.clusters, (many, self.clusters))
            places = chosen + self.clusters * np.arange(many)[:, np.newaxis]
            counts = np.bincount(places.ravel(), minlength=many * self.clusters)
            weights[first : first + many] = counts.reshape(many, self.clusters)
        return weights

    def mean(self, values: Floats) -> Estimate | None:
        """The mean over rows; rows that are NaN are left out. None without rows."""
        known = ~np.isnan(values)
        totals, counts = self._sums(np.where(known, values, 0.0)), self._sums(known.astype(np.float64))
        n = int(known.sum())
        if not n:
            return None
        value = float(totals.sum() / n)
        influence = self.clusters * (totals - value * counts) / n
        drawn = None
        if self._weights is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                drawn = (self._weights @ totals) / (self._weights @ counts)
        return Estimate(value=value, influence=influence, drawn=drawn, n=n)

    def auroc(self, positive: Floats, negative: Floats) -> Estimate | None:
        """How often a positive outscores a negative of any row, ties counting half. None without rows."""
        known = ~(np.isnan(positive) | np.isnan(negative))
        n = int(known.sum())
        if not n:
            return None
        above, below = positive[known], negative[known]
        codes, counts = self._codes[known], self._sums(known.astype(np.float64))
        wins, losses = _share_below(above, below), 1 - _share_below(below, above)
        value = float(wins.mean())
        each = np.bincount(codes, wins + losses, minlength=self.clusters)
        influence = self.clusters * (each - 2 * value * counts) / n
        drawn = None
        if self._weights is not None:
            drawn = _drawn_auroc(self._weights, codes, above, below, counts)
        return Estimate(value=value, influence=influence, drawn=drawn, n=n)

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self._codes, values, minlength=self.clusters).astype(np.float64)


def _share_below(values: Floats, others: Floats) -> Floats:
    """For each value the share of ``others`` below it, ties counting half."""
    ordered = np.sort(others)
    under = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return under / (2 * len(others))


def _drawn_auroc(
    weights: NDArray[np.float32], codes: NDArray[np.intp], above: Floats, below: Floats, counts: Floats
) -> Floats:
    """The AUROC in each draw: pairs of clusters, weighted by how often each is drawn."""
    pairs = np.zeros((len(counts), len(counts)), dtype=np.float32)
    for code, score in zip(codes, above, strict=True):
        won = (score > below) + 0.5 * (score == below)
        pairs[code] += np.bincount(codes, won, minlength=len(counts)).astype(np.float32)
    total = np.einsum("ij,ij->i", weights @ pairs, weights, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = total / (weights @ counts) ** 2
    return shares


def combined(parts: Sequence[tuple[float, Estimate]]) -> Estimate:
    """A weighted sum of estimates of one sample, such as a difference: candidate and minus base."""
    drawn = [(weight, each.drawn) for weight, each in parts if each.drawn is not None]
    return Estimate(
        value=sum(weight * each.value for weight, each in parts),
        influence=np.sum([weight * each.influence for weight, each in parts], axis=0),
        drawn=np.sum([weight * values for weight, values in drawn], axis=0) if drawn else None,
        n=min(each.n for _, each in parts),
    )


def interval(estimate: Estimate, within: Range) -> Interval:
    """The interval of an estimate; none with fewer than two clusters."""
    m = len(estimate.influence)
    if m <= 1:
        return Interval(low=None, high=None, p_value=None)
    if within != "unbounded" and _moving(estimate.influence) < MIN_MOVING:
        return _of_few(estimate, within, m)
    if estimate.drawn is None or _moving(estimate.influence) == 0:
        return _student(estimate, m)
    return _accelerated(estimate)


def _moving(influence: Floats) -> int:
    """Clusters that are not like most."""
    _, counts = np.unique(np.round(influence, 9), return_counts=True)
    return int(len(influence) - counts.max())


def _of_few(estimate: Estimate, within: Range, m: int) -> Interval:
    if within == "rate":
        low, high = wilson(estimate.value, m, Law(df=m - 1).critical())
        return Interval(low=low, high=high, p_value=None)
    each = estimate.value + estimate.influence
    found = paired_rates(m, estimate.value * m, float((each**2).sum()), watched=False)
    return Interval(low=found.value.low, high=found.value.high, p_value=found.p_value)


def _student(estimate: Estimate, m: int) -> Interval:
    error = math.sqrt(float((estimate.influence**2).sum()) / (m * (m - 1)))
    law = Law(df=m - 1)
    if not error:
        return Interval(low=estimate.value, high=estimate.value, p_value=0.0 if estimate.value else 1.0)
    reach = law.critical() * error
    return Interval(
        low=estimate.value - reach, high=estimate.value + reach, p_value=law.p_value(estimate.value / error)
    )


def _accelerated(estimate: Estimate) -> Interval:
    """BCa: percentiles of the draws, moved by the bias and by how the spread changes with the value."""
    assert estimate.drawn is not None  # noqa: S101 - interval() has looked
    drawn = np.sort(estimate.drawn[~np.isnan(estimate.drawn)])
    bias = _NORMAL.inv_cdf(_share(drawn, estimate.value))
    psi = estimate.influence
    acceleration = float((psi**3).sum() / (6 * (psi**2).sum() ** 1.5))

    def level(z: float) -> float:
        moved = bias + z
        return _NORMAL.cdf(bias + moved / (1 - acceleration * moved))

    z = _NORMAL.inv_cdf(1 - ALPHA / 2)
    low, high = np.quantile(drawn, [level(-z), level(z)])
    # The level whose bound is 0, solved for z: the interval excludes 0 exactly when the p-value is below 5 %.
    zero = _NORMAL.inv_cdf(_share(drawn, 0.0)) - bias
    reached = zero / (1 + acceleration * zero) - bias
    return Interval(low=float(low), high=float(high), p_value=min(1.0, 2 * _NORMAL.cdf(-abs(reached))))


def _share(drawn: Floats, value: float) -> float:
    """The share of the draws below a value, ties counting half, and never 0 or 1."""
    under = (np.searchsorted(drawn, value, "left") + np.searchsorted(drawn, value, "right")) / 2
    return float(np.clip(under / len(drawn), 1 / (len(drawn) + 1), len(drawn) / (len(drawn) + 1)))
