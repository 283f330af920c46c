"""Bootstrap and closed-form intervals of clustered rows, against scipy and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from groundtrace_collector.replay.sample import CLOSED_FORM_FROM, Sample, combined, interval

NORMAL_MEAN = 0.0


def _skewed(n: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).exponential(1.0, n)


def test_bca_of_a_mean_agrees_with_scipy() -> None:
    values = _skewed(60, seed=4)
    estimate = Sample(range(60), seed=1, draws=20_000).mean(values)
    assert estimate is not None

    ours = interval(estimate, "unbounded")
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.015)


def test_the_auroc_is_the_share_of_pairs_won_and_its_draws_centre_on_it() -> None:
    rng = np.random.default_rng(5)
    positive, negative = np.round(rng.normal(0.5, 1, 40), 1), np.round(rng.normal(0, 1, 40), 1)
    estimate = Sample(range(40), seed=1).auroc(positive, negative)
    assert estimate is not None
    assert estimate.drawn is not None

    pairs = np.subtract.outer(positive, negative)
    assert estimate.value == pytest.approx(float(((pairs > 0) + 0.5 * (pairs == 0)).mean()))
    assert float(estimate.drawn.mean()) == pytest.approx(estimate.value, abs=0.01)
    # The spread of the draws is what the influences say.
    assert float(estimate.drawn.std()) == pytest.approx(float(estimate.influence.std()) / 40**0.5, rel=0.1)


def test_an_interval_excludes_zero_exactly_when_its_p_value_is_below_5_percent() -> None:
    agreed = []
    for seed in range(60):
        values = _skewed(30, seed) - 0.75
        estimate = Sample(range(30), seed=seed, draws=2_000).mean(values)
        assert estimate is not None
        found = interval(estimate, "unbounded")
        assert found.low is not None
        assert found.high is not None
        assert found.p_value is not None
        if abs(found.p_value - 0.05) > 0.005:  # the draws are finitely many
            agreed.append((found.low > 0 or found.high < 0) == (found.p_value < 0.05))

    assert all(agreed)
    assert len(agreed) > 40


def test_rows_of_one_cluster_are_drawn_together() -> None:
    each = np.repeat(np.random.default_rng(6).normal(0, 1, 40), 5)
    apart = Sample(range(200), seed=1).mean(each)
    together = Sample([row // 5 for row in range(200)], seed=1).mean(each)
    assert apart is not None
    assert together is not None

    widths = []
    for estimate in (apart, together):
        found = interval(estimate, "unbounded")
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)

    assert widths[1] / widths[0] == pytest.approx(5**0.5, rel=0.1)


def test_from_2000_clusters_on_the_closed_form_says_the_same_as_the_bootstrap() -> None:
    values = np.random.default_rng(7).normal(0.1, 1, CLOSED_FORM_FROM)
    closed = Sample(range(CLOSED_FORM_FROM), seed=1).mean(values)
    drawn = Sample(range(CLOSED_FORM_FROM - 1), seed=1, draws=2_000).mean(values[:-1])
    assert closed is not None
    assert closed.drawn is None
    assert drawn is not None

    one, other = interval(closed, "unbounded"), interval(drawn, "unbounded")
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.005)


def test_a_rate_that_never_varied_still_has_a_wide_interval() -> None:
    sample = Sample(range(30), seed=1)
    always = sample.mean(np.ones(30))
    assert always is not None

    rate = interval(always, "rate")
    change = interval(combined([(1, always), (-1, always)]), "rate difference")
    assert rate.low is not None
    assert rate.low < 0.9
    assert change.low is not None
    assert change.high is not None
    assert change.low < -0.05 < 0.05 < change.high


def test_rows_without_a_value_are_left_out_and_none_at_all_is_no_estimate() -> None:
    sample = Sample(range(4), seed=1)
    estimate = sample.mean(np.asarray([1.0, np.nan, 0.0, np.nan]))
    assert estimate is not None
    assert (estimate.value, estimate.n) == (0.5, 2)
    assert sample.mean(np.full(4, np.nan)) is None
    assert sample.auroc(np.full(4, np.nan), np.zeros(4)) is None


def _coverage(runs: int, draws: int) -> dict[str, float]:
    """How often the interval holds the truth: paired differences, and 40 clusters of three rows."""
    held = {"paired": 0, "clustered": 0}
    for run in range(runs):
        rng = np.random.default_rng(run)
        base, candidate = rng.beta(2, 2, 100), rng.beta(2, 2, 100)
        sample = Sample(range(100), seed=run, draws=draws)
        sides = [sample.mean(candidate), sample.mean(base)]
        assert sides[0] is not None
        assert sides[1] is not None
        held["paired"] += _holds(interval(combined([(1, sides[0]), (-1, sides[1])]), "rate difference"))
        common = np.repeat(rng.normal(NORMAL_MEAN, 1, 40), 3) + rng.normal(0, 1, 120)
        clustered = Sample(np.repeat(np.arange(40), 3).tolist(), seed=run, draws=draws).mean(common)
        assert clustered is not None
        held["clustered"] += _holds(interval(clustered, "unbounded"))
    return {name: count / runs for name, count in held.items()}


def _holds(found: object) -> bool:
    low, high = getattr(found, "low", None), getattr(found, "high", None)
    return low is not None and high is not None and low <= 0 <= high


def test_intervals_cover_about_95_percent_in_a_short_simulation() -> None:
    assert all(0.91 <= share <= 0.985 for share in _coverage(300, draws=500).values())


@pytest.mark.verify
@pytest.mark.timeout(600)
def test_intervals_cover_93_to_97_percent_in_4000_simulations() -> None:
    assert all(0.93 <= share <= 0.97 for share in _coverage(4_000, draws=2_000).values())
