"""Intervals and p-values: against scipy and against worked figures of the literature."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from groundtrace_collector.query.comparison import compare_paired, compare_sides, judge
from groundtrace_collector.query.differences import (
    detectable,
    detectable_rates,
    mean_difference,
    newcombe,
    paired_means,
    paired_rates,
)
from groundtrace_collector.query.intervals import (
    ALPHA,
    Law,
    Quantile,
    Sums,
    Value,
    Z,
    adjusted,
    mean_value,
    normal,
    order_ranks,
    student,
    wilson,
)
from groundtrace_collector.query.metrics import metric
from groundtrace_collector.query.sums import value_of
from tests.collector.query.samples import pair_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    Numbers = Sequence[float] | np.ndarray


def _sums(values: Numbers, clusters: Numbers | None = None) -> Sums:
    """What SQL sums up, for values with the number of their cluster."""
    numbers = np.asarray(values, dtype=float)
    groups = np.arange(len(numbers)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    totals = np.bincount(groups, weights=numbers)
    counts = np.bincount(groups).astype(float)
    return Sums(
        n=len(numbers),
        clusters=len(counts),
        total=float(totals.sum()),
        weight=float(counts.sum()),
        squares=float((totals**2).sum()),
        weight_squares=float((counts**2).sum()),
        products=float((totals * counts).sum()),
    )


def _quantile(values: Numbers, level: float) -> Quantile:
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    value = float(ordered[math.ceil(n * level) - 1])
    return Quantile(level=level, n=n, value=value, ranks=tuple(range(1, n + 1)), values=tuple(ordered))


@given(successes=st.integers(0, 400), failures=st.integers(0, 400), z=st.floats(0.5, 6))
def test_wilson_is_scipys(successes: int, failures: int, z: float) -> None:
    n = successes + failures
    if not n:
        return
    expected = stats.binomtest(successes, n).proportion_ci(2 * NormalDist().cdf(z) - 1, method="wilson")

    assert wilson(successes / n, n, z) == pytest.approx((expected.low, expected.high), abs=1e-6)


# Newcombe 1998, table II, method 10.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_newcombe_is_the_published_interval(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    candidate, base = ([1.0] * k + [0.0] * (n - k) for k, n in (first, second))

    found = newcombe(_sums(base), _sums(candidate), watched=False)

    assert (found.value.low, found.value.high) == pytest.approx((low, high), abs=1e-4)


def test_twelve_against_twenty_two_of_two_hundred_is_not_shown_to_differ() -> None:
    found = newcombe(_sums([1] * 12 + [0] * 188), _sums([1] * 22 + [0] * 178), watched=False)

    assert (found.value.low, found.value.high) == pytest.approx((-0.005, 0.107), abs=1e-3)
    assert found.p_value is not None
    assert found.p_value > ALPHA


def test_a_mean_has_students_interval() -> None:
    values = np.random.default_rng(1).normal(3, 2, 25)
    expected = stats.ttest_1samp(values, 0).confidence_interval()

    found = mean_value(_sums(values))

    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), expected.low, expected.high))


def test_independent_means_are_welchs_test() -> None:
    rng = np.random.default_rng(2)
    base, candidate = rng.normal(3, 2, 25), rng.normal(4, 5, 60)
    expected = stats.ttest_ind(candidate, base, equal_var=False)

    found = mean_difference(_sums(base), _sums(candidate), watched=False)

    interval = expected.confidence_interval()
    assert (found.value.low, found.value.high) == pytest.approx((interval.low, interval.high))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_paired_means_are_students_test_of_the_differences() -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, 30)
    expected = stats.ttest_1samp(differences, 0)

    found = paired_means(30, differences.sum(), (differences**2).sum(), watched=False)

    interval = expected.confidence_interval()
    assert (found.value.low, found.value.high) == pytest.approx((interval.low, interval.high))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_paired_rates_add_one_pair_each_way() -> None:
    # Bonett and Price 2012: 10 pairs one way, 4 the other, of 50.
    more, less, n = 11 / 52, 5 / 52, 52
    reach = Z * math.sqrt((more + less - (more - less) ** 2) / n)

    found = paired_rates(50, 10 - 4, 10 + 4, watched=False)

    assert (found.value.low, found.value.high) == pytest.approx((more - less - reach, more - less + reach))


def test_no_failure_on_either_side_is_no_certainty() -> None:
    for found in (
        paired_rates(30, 0, 0, watched=False),
        newcombe(_sums([0] * 30), _sums([0] * 30), watched=False),
    ):
        assert found.value.value == 0
        assert found.value.low is not None
        assert found.value.low < -0.05
        assert found.p_value is not None
        assert found.p_value > 0.9


def test_equal_numbers_have_an_interval_of_no_width_and_no_rounding() -> None:
    found = mean_value(_sums([0.1] * 1000))

    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)


SCORE = metric("score:groundedness")


@pytest.mark.parametrize(("score", "n"), [(1.0, 22), (0.0, 30), (0.5, 40)])
def test_scores_that_are_all_equal_may_still_differ_in_the_traffic_to_come(score: float, n: int) -> None:
    found = value_of(SCORE, (n, score * n, score**2 * n))

    assert (found.value, found.n) == (score, n)
    assert (found.low, found.high) == pytest.approx(wilson(score, n, student(Z, n - 1)))


def test_pairs_that_all_tie_are_no_proof_of_no_difference() -> None:
    ties = (30, 30.0, 30.0, 30.0, 30.0, 0.0, 0.0, 0, 0)

    found = compare_paired(SCORE, ties, watched=False).difference

    expected = paired_rates(30, 0.0, 0.0, watched=False)
    assert found == expected
    assert found.p_value == 1.0
    assert found.detectable is not None


def test_a_side_that_is_always_right_does_not_hide_what_the_other_lost() -> None:
    base = (300, 300, 300.0, 300, 300.0, 300, 300.0)
    candidate_scores = np.where(np.arange(300) % 10 == 0, 0.7, 1.0)
    total, squares = float(candidate_scores.sum()), float((candidate_scores**2).sum())
    candidate = (300, 300, total, 300, squares, 300, total)

    found = compare_sides(SCORE, base, candidate, watched=False).difference.value

    assert found.value == pytest.approx(-0.03)
    assert found.low is not None
    assert found.high is not None
    seen = stats.ttest_1samp(candidate_scores - 1, 0).confidence_interval()
    assert found.low == pytest.approx(seen.low, rel=0.01)  # the base cannot be better than it is
    assert seen.high < found.high < 0


def test_neighbours_that_never_changed_may_still_change() -> None:
    found = compare_paired(metric("churn@5"), (30, 0, 0, 0, 0, 0.0, 0.0, 0, 0), watched=False).difference

    assert (found.value.value, found.value.low) == (0.0, 0.0)
    assert found.value.high == pytest.approx(wilson(0.0, 30, student(Z, 29))[1])


@pytest.mark.parametrize("n", [20, 200, 999])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_order_ranks_cover_with_at_least_95_percent(n: int, level: float) -> None:
    low, high = order_ranks(n, level, Z)
    binomial = stats.binom(n, level)

    below = 0.0 if low is None else binomial.cdf(low - 1)
    above = 0.0 if high is None else binomial.sf(high - 1)
    assert below <= ALPHA / 2
    assert above <= ALPHA / 2
    # One rank further in would be too much: the ranks are the tightest there are.
    assert binomial.cdf(low or 0) > ALPHA / 2
    assert binomial.sf((high or n + 1) - 2) > ALPHA / 2


def test_a_quantile_beyond_the_sample_has_no_upper_bound() -> None:
    found = _quantile(range(100), 0.99).as_value()

    assert (found.value, found.high) == (98, None)


def test_thinned_ranks_only_widen_a_quantiles_interval() -> None:
    values = tuple(float(each) for each in range(1, 1_001))
    exact = _quantile(values, 0.5)
    thinned = Quantile(level=0.5, n=1000, value=500.0, ranks=tuple(range(1, 1001, 7)), values=values[::7])

    (low, high), (wider_low, wider_high) = exact.bounds(Z), thinned.bounds(Z)

    assert wider_low <= low < high <= wider_high  # type: ignore[operator]
    assert wider_high - wider_low <= high - low + 14  # type: ignore[operator]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values)

    assert adjusted(p_values) == pytest.approx(list(expected))


@given(st.floats(-6, 6), st.floats(1, 500))
def test_student_and_normal_undo_each_other(z: float, df: float) -> None:
    assert normal(student(z, df), df) == pytest.approx(z, abs=1e-4)
    assert student(abs(z), df) >= abs(z) - 1e-9


@given(
    base=st.lists(st.booleans(), min_size=2, max_size=60),
    candidate=st.lists(st.booleans(), min_size=2, max_size=60),
    watched=st.booleans(),
)
def test_an_interval_excludes_0_exactly_when_p_is_below_5_percent(
    base: list[bool],
    candidate: list[bool],
    watched: bool,  # noqa: FBT001
) -> None:
    n = min(len(base), len(candidate))
    gaps = np.subtract(candidate[:n], base[:n], dtype=float)
    ramp = np.linspace(0, 0.1, 60)
    for found in (
        newcombe(_sums(base), _sums(candidate), watched=watched),
        mean_difference(
            _sums(base + ramp[: len(base)]), _sums(candidate + ramp[: len(candidate)]), watched=watched
        ),
        paired_rates(n, gaps.sum(), (gaps**2).sum(), watched=watched),
    ):
        low, high, p_value = found.value.low, found.value.high, found.p_value
        assert low is not None
        assert high is not None
        assert p_value is not None
        if min(abs(low), abs(high)) > 1e-9:
            assert (low > 0 or high < 0) == (p_value < ALPHA)


def test_a_watched_interval_is_wider_than_a_fixed_one_at_every_size() -> None:
    fixed = Law().critical()

    for n in (20, 100, 500, 5_000, 1_000_000):
        law = Law(watched=n)
        assert law.critical() > fixed + 0.9
        assert law.p_value(law.critical()) == pytest.approx(ALPHA)


# The sizes per arm of two-sided tests at 5 % with 80 % power: Fleiss 1981, unpooled, without continuity correction.
@pytest.mark.parametrize(
    ("rate", "n", "change"),
    [(0.05, 423, 0.05), (0.05, 2_198, 0.02), (0.1, 680, 0.05), (0.1, 3_834, 0.02), (0.2, 1_091, 0.05)],
)
def test_a_detectable_change_of_a_rate_is_the_one_its_sample_size_is_planned_for(
    rate: float, n: int, change: float
) -> None:
    for either in (rate, 1 - rate):
        assert detectable_rates(either, n, n, Law()) == pytest.approx(change, rel=0.015)


def test_nothing_can_be_said_to_be_detectable_by_a_handful_or_without_spread() -> None:
    assert detectable_rates(0.5, 3, 3, Law()) is None
    assert detectable(0.0, Law()) is None
    assert detectable(1.0, Law(watched=0)) is None
    assert newcombe(_sums([0] * 100), _sums([0] * 100), watched=False).detectable == pytest.approx(
        0.073, abs=1e-3
    )


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        pytest.param("tokens_per_trace", 0.0, 6.85, id="a-count"),
        pytest.param("margin", -5.85, 6.85, id="no-limits"),
    ],
)
def test_an_interval_ends_where_its_metric_does(name: str, low: float, high: float) -> None:
    of_two = metric(name)
    sums = _sums([0.0, 1.0])
    row = (
        sums.n,
        sums.clusters,
        sums.total,
        sums.weight,
        sums.squares,
        sums.weight_squares,
        sums.products,
    )

    value = value_of(of_two, row)
    difference = compare_sides(of_two, row, row, watched=False).difference

    assert value.value == 0.5
    assert [value.low, value.high] == pytest.approx([low, high], abs=0.01)
    assert difference.value.high == pytest.approx(min(high - low, 3.04), abs=0.01)
    assert (difference.detectable is None) == (high - low == 1.0)


def _row(values: Numbers) -> tuple[float, ...]:
    """A side as SQL sums it, every trace by itself."""
    sums = _sums(values)
    return sums.n, sums.clusters, sums.total, sums.weight, sums.squares, sums.weight_squares, sums.products


@pytest.mark.parametrize("name", ["recall@5", "score:groundedness", "score:of_ours"])
def test_a_mean_of_shares_and_a_difference_of_such_stay_where_they_can_be(name: str) -> None:
    value = value_of(metric(name), _row([0.0, 1.0]))
    difference = compare_sides(metric(name), _row([0.0, 1.0]), _row([0.0, 1.0]), watched=False).difference

    assert (value.low, value.high) == pytest.approx(wilson(0.5, 2, student(Z, 1)))
    assert difference.value.low is not None
    assert -1 <= difference.value.low < 0


@pytest.mark.parametrize("failed", [0, 1, 9])
def test_where_few_differ_a_mean_of_shares_has_the_interval_of_a_rate(failed: int) -> None:
    found = value_of(metric("recall@5"), _row([1.0] * (60 - failed) + [0.0] * failed))

    assert (found.low, found.high) == pytest.approx(wilson(1 - failed / 60, 60, student(Z, 59)))


def test_where_ten_differ_a_mean_of_shares_has_students_interval() -> None:
    values = np.repeat([1.0, 0.0], [50, 10])
    expected = stats.ttest_1samp(values, 0).confidence_interval()

    found = value_of(metric("recall@5"), _row(values))

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("lost", "of_rates"), [(1, True), (9, True), (10, False)])
def test_where_few_pairs_differ_their_difference_is_that_of_rates(lost: int, of_rates: bool) -> None:  # noqa: FBT001
    sums = (60, 60.0, 60.0, 60.0 - lost, 60.0 - lost, -lost, lost, 0, lost)

    found = compare_paired(metric("recall@5"), sums, watched=False).difference

    student_s = paired_means(60, -lost, lost, watched=False)
    assert found == (paired_rates(60, -lost, lost, watched=False) if of_rates else student_s)
    assert found.value.low is not None
    assert student_s.value.low is not None
    assert (found.value.low < student_s.value.low) is of_rates


def test_what_is_said_to_be_a_share_and_is_none_has_students_interval() -> None:
    values = [3.0, 4.0, 5.0]
    expected = stats.ttest_1samp(values, 0).confidence_interval()

    found = mean_value(replace(_sums(values), unit=True))

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_what_can_be_detected_is_told_only_where_there_is_enough_to_judge() -> None:
    base, candidate = np.tile([0.0, 1.0], 10), np.tile([1.0, 0.0, 0.0, 1.0], 5)
    few, enough = (
        judge({(True, ""): compare_paired(metric("mrr"), pair_row(base[:n], candidate[:n]), watched=False)})[
            True, ""
        ]
        for n in (19, 20)
    )

    assert (few["verdict"], few["detectable"]) == ("insufficient data", None)
    assert enough["verdict"] == "no difference"
    assert enough["detectable"] > 0


def test_an_estimate_beyond_the_limits_stays_in_its_interval() -> None:
    assert Value(value=2.0, low=-1.0, high=5.0, n=2).within(0.0, 1.0) == Value(
        value=2.0, low=0.0, high=2.0, n=2
    )
