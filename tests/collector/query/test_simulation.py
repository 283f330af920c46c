"""The estimators of the API and the gate, simulated: coverage, false alarms, false discoveries, power.

A short form runs with every change, the full size with `make verify`, which prints each figure
(docs/metrics.md has them).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from groundtrace_collector.query.comparison import Comparison, compare_paired, compare_sides, judge
from groundtrace_collector.query.intervals import ALPHA
from groundtrace_collector.query.metrics import metric
from groundtrace_collector.query.mix import parts_of_sides
from groundtrace_collector.query.sums import sums_of, value_of
from tests.collector.query.samples import measure_row, pair_row, quantile_row, side_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from groundtrace_collector.query.intervals import Value

RATE, MEAN, RATIO = metric("error_rate"), metric("margin"), metric("embeddings_per_s")
P50, P95, CHURN, SHARE = metric("p50_ms"), metric("p95_ms"), metric("churn@5"), metric("recall@5")

TRIALS = [pytest.param(200, id="short"), pytest.param(4_000, marks=pytest.mark.verify, id="full")]
SIZES = np.random.default_rng(0).integers(1, 8, 40)
SESSIONS = np.repeat(np.arange(40), SIZES)
"""40 sessions of one to seven traces."""


def _slack(share: float, trials: int) -> float:
    """Three standard errors of a share seen in so many trials; none is granted at full size."""
    return 0.0 if trials >= 4_000 else 3 * math.sqrt(share * (1 - share) / trials)


def _within(name: str, share: float, low: float, high: float, trials: int) -> None:
    print(f"{name}: {100 * share:.2f} % of {trials:,}")  # noqa: T201
    assert low - _slack(low, trials) <= share <= high + _slack(high, trials)


def _covers(value: Value, truth: float) -> bool:
    assert value.low is not None
    assert value.high is not None
    return value.low <= truth <= value.high


# --- coverage ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "rate"), [(100, 0.02), (100, 0.1), (100, 0.5), (400, 0.05)])
def test_a_rate_covers_as_the_exact_binomial_sum_says(n: int, rate: float) -> None:
    values = [value_of(RATE, side_row(np.repeat([1.0, 0.0], [k, n - k]))) for k in range(n + 1)]
    covers = np.array([_covers(each, rate) for each in values])
    exact = float(stats.binom(n, rate).pmf(np.arange(n + 1)) @ covers)

    seen = covers[np.random.default_rng(1).binomial(n, rate, 100_000)].mean()

    print(f"a rate of {rate} in {n}: {100 * seen:.2f} % of 100,000, exactly {100 * exact:.2f} %")  # noqa: T201
    assert seen == pytest.approx(exact, abs=0.005)
    assert exact > 0.92


@pytest.mark.verify
@pytest.mark.parametrize(("n", "rates"), [(100, (0.1, 0.1)), (100, (0.05, 0.2))])
def test_the_difference_of_two_rates_covers_as_the_exact_binomial_sum_says(
    n: int, rates: tuple[float, float]
) -> None:
    rows = [side_row(np.repeat([1.0, 0.0], [k, n - k])) for k in range(n + 1)]
    truth = rates[1] - rates[0]
    likely = [stats.binom(n, rate).pmf(np.arange(n + 1)) for rate in rates]
    covers = np.zeros((n + 1, n + 1))
    for base, candidate in zip(*np.nonzero(np.outer(*likely) > 1e-12), strict=True):
        compared = compare_sides(RATE, rows[base], rows[candidate], watched=False)
        covers[base, candidate] = _covers(compared.difference.value, truth)
    exact = float(likely[0] @ covers @ likely[1])

    rng = np.random.default_rng(2)
    drawn = [rng.binomial(n, rate, 100_000) for rate in rates]
    seen = covers[drawn[0], drawn[1]].mean()

    print(f"rates {rates} in {n}: {100 * seen:.2f} % of 100,000, exactly {100 * exact:.2f} %")  # noqa: T201
    assert seen == pytest.approx(exact, abs=0.005)
    assert 0.93 <= exact <= 0.97


def _pairs_of_rates(rng: np.random.Generator) -> Any:
    hard = rng.beta(1, 3, 100)
    return pair_row(*((rng.random(100) < hard).astype(float) for _ in range(2)))


def _clustered_rate(rng: np.random.Generator) -> Any:
    return side_row((rng.random(len(SESSIONS)) < rng.beta(2, 6, 40)[SESSIONS]).astype(float), SESSIONS)


def _clustered_ratio(rng: np.random.Generator) -> Any:
    seconds = rng.gamma(4, 0.25, len(SESSIONS))
    texts = seconds * (10 + rng.normal(0, 2, 40)[SESSIONS] + rng.normal(0, 1, len(SESSIONS)))
    return side_row(texts, SESSIONS, seconds)


def _clustered_mean(rng: np.random.Generator) -> Any:
    return side_row(rng.normal(0, 1, 40)[SESSIONS] + rng.exponential(1, len(SESSIONS)), SESSIONS)


def _recall(rng: np.random.Generator, n: int) -> Any:
    return side_row(rng.binomial(3, rng.beta(3, 1, n)) / 3)


def _paired(row: Any) -> Value:
    return compare_paired(MEAN, row, watched=False).difference.value


def _sides(of: Any, base: Any, candidate: Any) -> Value:
    return compare_sides(of, base, candidate, watched=False).difference.value


def _quality(rng: np.random.Generator) -> Value:
    """Families of 30 to 120 traces with other shares on each side, all better by 0.1."""
    levels, sizes = (0.0, 1.0, 2.0, 3.0), ((120, 60, 40, 30), (30, 60, 90, 60))
    base, candidate = (
        [
            sums_of(side_row(rng.normal(level + 0.1 * side, 1, n)))
            for level, n in zip(levels, row, strict=True)
        ]
        for side, row in enumerate(sizes)
    )
    parts = parts_of_sides(base, candidate, watched=False)
    assert parts is not None
    return parts.quality


ESTIMATORS: dict[str, tuple[Callable[[np.random.Generator], Value], float]] = {
    "a mean of 100": (lambda rng: value_of(MEAN, side_row(rng.gamma(2, 0.5, 100))), 1.0),
    "a mean of 40 sessions": (lambda rng: value_of(MEAN, _clustered_mean(rng)), 1.0),
    "a rate of 40 sessions": (lambda rng: value_of(RATE, _clustered_rate(rng)), 0.25),
    "100 pairs, means": (lambda rng: _paired(pair_row(rng.normal(0, 1, 100), rng.exponential(1, 100))), 1.0),
    "100 pairs, rates": (
        lambda rng: compare_paired(RATE, _pairs_of_rates(rng), watched=False).difference.value,
        0.0,
    ),
    "100 pairs, churn": (
        lambda rng: compare_paired(CHURN, measure_row(rng.beta(1, 2, 100)), watched=False).difference.value,
        1 / 3,
    ),
    "means of 100 and 300": (lambda rng: _sides(MEAN, _recall(rng, 100), _recall(rng, 300)), 0.0),
    "rates of 100 and 300": (
        lambda rng: _sides(RATE, *(side_row((rng.random(n) < 0.1).astype(float)) for n in (100, 300))),
        0.0,
    ),
    "means of 40 sessions": (lambda rng: _sides(MEAN, _clustered_mean(rng), _clustered_mean(rng)), 0.0),
    "rates of 40 sessions": (lambda rng: _sides(RATE, _clustered_rate(rng), _clustered_rate(rng)), 0.0),
    "ratios of 40 sessions": (lambda rng: _sides(RATIO, _clustered_ratio(rng), _clustered_ratio(rng)), 0.0),
    "quality of 4 families": (_quality, 0.1),
}


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_interval_covers_the_truth_in_95_of_100_samples(name: str, trials: int) -> None:
    estimate, truth = ESTIMATORS[name]
    rng = np.random.default_rng(3)

    covered = sum(_covers(estimate(rng), truth) for _ in range(trials))

    _within(name, covered / trials, 0.93, 0.97, trials)


SELDOM: dict[str, tuple[Callable[[np.random.Generator], Value], float]] = {
    "a recall of 100, 3 miss": (lambda rng: value_of(SHARE, side_row(_hits(rng, 100, 0.03))), 0.97),
    "100 pairs, 3 lose": (
        lambda rng: (
            compare_paired(
                SHARE, pair_row(np.ones(100), _hits(rng, 100, 0.03)), watched=False
            ).difference.value
        ),
        -0.03,
    ),
    "recalls of 100, 2 and 5 miss": (
        lambda rng: _sides(SHARE, *(side_row(_hits(rng, 100, miss)) for miss in (0.02, 0.05))),
        -0.03,
    ),
}


def _hits(rng: np.random.Generator, n: int, miss: float) -> Any:
    return (rng.random(n) >= miss).astype(float)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("name", SELDOM)
def test_where_few_differ_an_interval_covers_the_truth_in_93_of_100_samples_or_more(
    name: str, trials: int
) -> None:
    estimate, truth = SELDOM[name]
    rng = np.random.default_rng(14)

    covered = sum(_covers(estimate(rng), truth) for _ in range(trials))

    _within(name, covered / trials, 0.93, 1.0, trials)


@pytest.mark.parametrize("trials", TRIALS)
def test_without_their_sessions_traces_would_cover_too_little(trials: int) -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(trials):
        sides = [
            side_row(rng.normal(0, 1, 40)[SESSIONS] + rng.exponential(1, len(SESSIONS))) for _ in range(2)
        ]
        covered += _covers(_sides(MEAN, *sides), 0)

    assert covered / trials < 0.93 - _slack(0.93, trials)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize(("of", "n"), [(P50, 100), (P95, 400)], ids=["p50", "p95"])
def test_a_difference_of_quantiles_covers_at_least_95_of_100(of: Any, n: int, trials: int) -> None:
    rng = np.random.default_rng(5)
    rounds = trials if trials >= 4_000 else 100

    covered = sum(
        _covers(_sides(of, *(quantile_row(rng.lognormal(0, 1, n)) for _ in range(2))), 0)
        for _ in range(rounds)
    )

    _within(of.name, covered / rounds, 0.95, 1.0, rounds)


# --- looking again ----------------------------------------------------------------------------------------

LOOKS = np.unique(np.geomspace(20, 3_000, 30).astype(int))


@dataclass(frozen=True, slots=True)
class _Growing:
    """A sample's sums after each observation, to be looked at many times."""

    totals: Any
    squares: Any

    @classmethod
    def of(cls, values: Any) -> _Growing:
        return cls(values.cumsum(), (values * values).cumsum())

    def side(self, n: int) -> Any:
        total, squares = float(self.totals[n - 1]), float(self.squares[n - 1])
        return n, n, total, n, squares, n, total

    def pairs(self, n: int) -> Any:
        return n, 0, 0, 0, 0, float(self.totals[n - 1]), float(self.squares[n - 1]), 0, 0


def _alarmed(kind: str, rng: np.random.Generator, *, watched: bool) -> bool:
    """Whether any look at two equal sides says that they differ."""
    most = int(LOOKS[-1])
    rates = kind.startswith("rates")
    sides = [(rng.random(most) < 0.1).astype(float) if rates else rng.exponential(1, most) for _ in range(2)]
    of = RATE if rates else MEAN
    if kind.endswith("pairs"):
        gaps = _Growing.of(sides[1] - sides[0])
        return any(_p(compare_paired(of, gaps.pairs(n), watched=watched)) <= ALPHA for n in LOOKS)
    base, candidate = (_Growing.of(side) for side in sides)
    return any(
        _p(compare_sides(of, base.side(n), candidate.side(n), watched=watched)) <= ALPHA for n in LOOKS
    )


def _p(compared: Comparison) -> float:
    return 1.0 if compared.difference.p_value is None else compared.difference.p_value


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("kind", ["means", "rates", "means of pairs", "rates of pairs"])
def test_30_looks_raise_a_false_alarm_in_at_most_5_of_100(kind: str, trials: int) -> None:
    rounds = trials if trials >= 4_000 else 50
    rng = np.random.default_rng(6)

    alarms = sum(_alarmed(kind, rng, watched=True) for _ in range(rounds))

    _within(f"false alarms over {len(LOOKS)} looks, {kind}", alarms / rounds, 0.0, 0.05, rounds)


def test_30_looks_at_a_test_of_fixed_size_would_raise_many() -> None:
    rng = np.random.default_rng(7)

    assert sum(_alarmed("means of pairs", rng, watched=False) for _ in range(60)) / 60 > 0.12


# --- many cohorts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("changed", [0, 6], ids=["none changed", "half changed"])
def test_at_most_5_of_100_verdicts_over_12_cohorts_are_false(changed: int, trials: int) -> None:
    rng = np.random.default_rng(8)
    rounds = trials if trials >= 4_000 else 100
    false_share = 0.0
    for _ in range(rounds):
        compared = {}
        for cohort in range(12):
            gaps = rng.normal(0.5 if cohort < changed else 0.0, 1, 40)
            row = pair_row(np.zeros(40), gaps)
            compared[False, f"{cohort:02d}"] = compare_paired(MEAN, row, watched=False)
        verdicts = {key: each["verdict"] for (_, key), each in judge(compared).items()}
        found = [key for key, verdict in verdicts.items() if verdict in ("better", "worse")]
        false_share += sum(int(key) >= changed for key in found) / max(len(found), 1)

    _within(f"false discoveries, {changed} of 12 changed", false_share / rounds, 0.0, 0.05, rounds)


# --- power ------------------------------------------------------------------------------------------------


def _power_paired_means(rng: np.random.Generator, change: float, *, watched: bool = False) -> Comparison:
    base = rng.normal(0, 1, 100)
    return compare_paired(MEAN, pair_row(base, base + change + rng.normal(0, 0.5, 100)), watched=watched)


def _power_paired_rates(rng: np.random.Generator, change: float) -> Comparison:
    """A fifth of 400 pairs disagree, more of them one way by ``change``."""
    more, less = (0.2 + change) / 2, (0.2 - change) / 2
    gaps = rng.choice([1.0, -1.0, 0.0], 400, p=[more, less, 0.8])
    base = (gaps < 0).astype(float)
    return compare_paired(RATE, pair_row(base, base + gaps), watched=False)


def _power_means(rng: np.random.Generator, change: float) -> Comparison:
    sides = (side_row(rng.gamma(2, 0.5, n) + shift) for n, shift in ((150, 0.0), (200, change)))
    return compare_sides(MEAN, *sides, watched=False)


def _power_rates(rng: np.random.Generator, change: float) -> Comparison:
    sides = (side_row((rng.random(600) < rate).astype(float)) for rate in (0.1, 0.1 + change))
    return compare_sides(RATE, *sides, watched=False)


def _power_sessions(rng: np.random.Generator, change: float) -> Comparison:
    sides = [
        side_row(rng.normal(0, 1, 40)[SESSIONS] + rng.normal(shift, 1, len(SESSIONS)), SESSIONS)
        for shift in (0.0, change)
    ]
    return compare_sides(MEAN, *sides, watched=False)


def _power_medians(rng: np.random.Generator, change: float) -> Comparison:
    sides = (quantile_row(rng.gamma(2, 0.5, 300) + shift) for shift in (0.0, change))
    return compare_sides(P50, *sides, watched=False)


POWERS: dict[str, Callable[[np.random.Generator, float], Comparison]] = {
    "100 pairs, means": _power_paired_means,
    "100 pairs, means, watched": lambda rng, change: _power_paired_means(rng, change, watched=True),
    "400 pairs, rates": _power_paired_rates,
    "means of 150 and 200": _power_means,
    "rates of 600": _power_rates,
    "means of 40 sessions": _power_sessions,
    "medians of 300": _power_medians,
}


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("name", POWERS)
def test_the_detectable_difference_is_detected_in_80_of_100_samples(name: str, trials: int) -> None:
    draw, rng = POWERS[name], np.random.default_rng(9)
    stated = [draw(rng, 0.0).difference.detectable for _ in range(trials)]
    change = float(np.mean([each for each in stated if each is not None]))

    found = sum(_p(draw(rng, change)) <= ALPHA for _ in range(trials))

    _within(f"power at {change:.4f}, {name}", found / trials, 0.78, 0.82, trials)
