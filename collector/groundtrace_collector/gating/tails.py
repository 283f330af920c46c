"""How surely an estimate lies beyond a bound, from its 95 % interval; and Holm's correction. Pure.

Reports carry intervals, not the sums behind them. The distance to the bound is measured in reaches of the
interval on the bound's side, as MOVER does, and read as Student's t with the estimate's own n: at the 95 %
interval's end that is exact, and beyond it never too sure for intervals that are normal or always-valid.
An interval over few sessions has heavier tails than its n says.

Source of `holm`: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
Statistics 6, 1979. It holds whatever the dependence between the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtrace_collector.query.intervals import Law, Value

if TYPE_CHECKING:
    from collections.abc import Sequence


def p_above(estimate: Value, bound: float, *, df: float) -> float | None:
    """One-sided p-value against "the truth is at most ``bound``": small when the estimate is clearly above.

    1.0 when the estimate itself is not above; None when the estimate has no interval on that side.

    >>> round(p_above(Value(value=0.3, low=0.2, high=0.4, n=999), 0.2, df=float("inf")), 4)
    0.025
    """
    return _p_beyond(estimate.value, estimate.low, bound, df)


def p_below(estimate: Value, bound: float, *, df: float) -> float | None:
    """As `p_above`, against "the truth is at least ``bound``"."""
    value, high = (None if each is None else -each for each in (estimate.value, estimate.high))
    return _p_beyond(value, high, -bound, df)


def _p_beyond(value: float | None, low: float | None, bound: float, df: float) -> float | None:
    if value is None or low is None:
        return None
    if value <= bound:
        return 1.0
    if value <= low:  # every observation is the same
        return 0.0
    law = Law(df=max(1.0, df))
    return law.p_value(law.critical() * (value - bound) / (value - low)) / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    result = [1.0] * len(p_values)
    most = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        most = max(most, min(1.0, p_values[index] * (len(p_values) - place)))
        result[index] = most
    return result
