"""One metric of two sides in one cohort: its difference, and the verdicts over all cohorts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from groundtrace_collector.query.differences import (
    Difference,
    mean_difference,
    newcombe,
    paired_means,
    paired_rates,
    paired_units,
    quantile_difference,
)
from groundtrace_collector.query.intervals import (
    ALPHA,
    Value,
    adjusted,
    nothing,
)
from groundtrace_collector.query.metrics import MIN_N, Form, Metric
from groundtrace_collector.query.sums import quantile_of, sums_of, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.query.compared_traces import Key

Verdict: TypeAlias = Literal["better", "worse", "no difference", "insufficient data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric in one cohort, before correction for the number of cohorts."""

    metric: Metric
    base: Value
    candidate: Value
    difference: Difference
    paired: bool
    higher: int = 0
    """Pairs in which the candidate's value is higher."""
    lower: int = 0

    @property
    def sufficient(self) -> bool:
        """Whether there is enough to judge by."""
        return min(self.base.n, self.candidate.n) >= MIN_N and self.difference.p_value is not None

    @property
    def outcomes(self) -> tuple[int, int, int] | tuple[None, None, None]:
        """Pairs in which the candidate is better, worse and equal; None where there are none to be counted."""
        if not self.paired or self.metric.direction is None:
            return None, None, None
        wins, losses = self.higher, self.lower
        if self.metric.direction == "lower":
            wins, losses = losses, wins
        return wins, losses, self.difference.value.n - wins - losses


def compare_paired(metric: Metric, sums: Sequence[Any], *, watched: bool) -> Comparison:
    """A rate or mean over pairs: ``sums`` as `sums.pair_sums` orders them. Pure."""
    n = int(sums[0])
    base, base_squares, candidate, candidate_squares, total, squares = (
        float(each or 0) for each in sums[1:7]
    )
    if metric.form is Form.PAIR:
        neither = nothing(n)
        measured = paired_means(n, total, squares, watched=watched, unit=metric.unit)
        measured = measured.within(metric.least, metric.most)
        return Comparison(metric=metric, base=neither, candidate=neither, difference=measured, paired=True)
    higher, lower = int(sums[7]), int(sums[8])
    if metric.form is Form.RATE:
        difference = paired_rates(n, total, squares, watched=watched)
    elif metric.unit:
        difference = paired_units(n, total, squares, moving=higher + lower, watched=watched)
    else:
        difference = paired_means(n, total, squares, watched=watched)
    return Comparison(
        metric=metric,
        base=value_of(metric, (n, base, base_squares)),
        candidate=value_of(metric, (n, candidate, candidate_squares)),
        difference=difference.within(-metric.width, metric.width),
        paired=True,
        higher=higher,
        lower=lower,
    )


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
    sums = [sums_of(each, unit=metric.unit) for each in (base, candidate)]
    between = newcombe if metric.form is Form.RATE else mean_difference
    return between(*sums, watched=watched).within(-metric.width, metric.width)


def judge(compared: Mapping[Key, Comparison]) -> dict[Key, dict[str, Any]]:
    """Verdicts on one metric: p-values adjusted over the cohorts that have enough data. Pure."""
    judged = [key for key, each in compared.items() if each.sufficient and each.metric.direction]
    p_values = dict(
        zip(judged, adjusted([compared[key].difference.p_value or 0.0 for key in judged]), strict=True)
    )
    return {key: _as_json(each, p_values.get(key)) for key, each in compared.items()}


def _as_json(each: Comparison, p_value: float | None) -> dict[str, Any]:
    wins, losses, ties = each.outcomes
    return {
        "base": each.base.as_json(),
        "candidate": each.candidate.as_json(),
        "difference": each.difference.value.as_json(),
        "paired": each.paired,
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "detectable": each.difference.detectable if each.metric.direction and each.sufficient else None,
        "p_value": p_value,
        "verdict": verdict(each, p_value),
    }


def verdict(each: Comparison, p_value: float | None) -> Verdict | None:
    """What to make of a comparison with its adjusted p-value; None for a metric without a better direction."""
    if each.metric.form is Form.COUNT:
        return None
    if not each.sufficient:
        return "insufficient data"
    if each.metric.direction is None or p_value is None:
        return None
    change = each.difference.value.value or 0.0
    if p_value > ALPHA or not change:
        return "no difference"
    return "better" if (change > 0) == (each.metric.direction == "higher") else "worse"
