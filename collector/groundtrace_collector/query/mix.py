"""How much of a difference is change within the cohorts, and how much is other traffic. Pure.

With w the share of a cohort in a side's traffic and y its mean or rate there, the difference of the two sides is

    sum of (w1 + w2) / 2 * (y2 - y1)        what changed within the cohorts: quality
  + sum of (w2 - w1) * (y1 + y2) / 2        what changed because their shares did: mix

exactly. A cohort that only one side has says nothing about quality; what it adds is mix.

Source: Kitagawa, Components of a difference between two rates, Journal of the American Statistical Association 50,
1955. The interval of quality takes the shares as they are: that of a stratified mean (Cochran, Sampling Techniques,
3rd ed., 1977, section 5.3), with Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.differences import symmetric
from groundtrace_collector.query.intervals import Law, Sums, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

NOBODY = Sums(n=0, clusters=0, total=0, weight=0, squares=0, weight_squares=0, products=0)
"""A side without a trace in a cohort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The two parts of a difference, which add up to it."""

    quality: Value
    mix: Value

    def as_json(self) -> dict[str, Any]:
        """The API's `{"quality": value, "mix": value}`."""
        return {"quality": self.quality.as_json(), "mix": self.mix.as_json()}


def parts_of_pairs(difference: Value) -> Parts:
    """Of pairs whose two traces lie in one cohort: both sides have the same mix, so all of it is quality."""
    return Parts(quality=difference, mix=Value(value=0.0, low=None, high=None, n=difference.n))


def parts_of_sides(base: Sequence[Sums], candidate: Sequence[Sums], *, watched: bool) -> Parts | None:
    """Of independent sides, each cohort's sums in the same order; None where a side has nothing at all."""
    weights = [sum(each.weight for each in side) for side in (base, candidate)]
    if not all(weights):
        return None
    quality = mix = 0.0
    shared: list[tuple[float, Sums]] = []
    for before, after in zip(base, candidate, strict=True):
        shares = before.weight / weights[0], after.weight / weights[1]
        if before.mean is None or after.mean is None:
            mix += shares[1] * (after.mean or 0.0) - shares[0] * (before.mean or 0.0)
            continue
        quality += sum(shares) / 2 * (after.mean - before.mean)
        mix += (shares[1] - shares[0]) * (before.mean + after.mean) / 2
        shared += [(sum(shares) / 2, each) for each in (before, after)]
    n = sum(each.n for each in (*base, *candidate))
    return Parts(
        quality=_stratified(quality, shared, n, watched=watched),
        mix=Value(value=mix, low=None, high=None, n=n),
    )


def _stratified(value: float, cells: Sequence[tuple[float, Sums]], n: int, *, watched: bool) -> Value:
    """With its interval, which is not known where a cohort has a single trace or session on a side."""
    variances = [share**2 * each.variance if each.variance is not None else math.inf for share, each in cells]
    variance = sum(variances)
    if not cells or math.isinf(variance):
        return Value(value=value, low=None, high=None, n=n)
    parts = sum(own**2 / (each.clusters - 1) for own, (_, each) in zip(variances, cells, strict=True))
    clusters = sum(each.clusters for _, each in cells)
    law = Law(df=variance**2 / parts if parts else math.inf, watched=clusters if watched else None)
    return symmetric(value, value, variance, n, law).value


def rest(whole: Sums, cohorts: Sequence[Sums]) -> Sums:
    """What the cohorts leave of the whole, as one cohort; its spread is not known."""
    return Sums(
        n=whole.n - sum(each.n for each in cohorts),
        clusters=0,
        total=whole.total - sum(each.total for each in cohorts),
        weight=whole.weight - sum(each.weight for each in cohorts),
        squares=0,
        weight_squares=0,
        products=0,
    )
