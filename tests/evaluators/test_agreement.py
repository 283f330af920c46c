"""Kappa, balanced accuracy, calibration error and flip rate."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

from groundtrace_evaluators import (
    Score,
    Status,
    balanced_accuracy,
    cohen_kappa,
    expected_calibration_error,
    flip_rate,
)

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=80)
Table = tuple[int, int, int, int]


def raters(both: int, first: int, second: int, neither: int) -> tuple[list[bool], list[bool]]:
    """Verdicts of two raters: both True, only the first, only the second, neither."""
    cells = [(True, True)] * both + [(True, False)] * first
    cells += [(False, True)] * second + [(False, False)] * neither
    return [a for a, _ in cells], [b for _, b in cells]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # (a + d - chance) / (1 - chance), by hand: 35 of 50 agree, chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
        pytest.param((20, 5, 10, 15), 0.4, id="Wikipedia's grants"),
        pytest.param((45, 15, 25, 15), (0.6 - 0.54) / (1 - 0.54), id="skewed"),
        pytest.param((10, 0, 0, 10), 1.0, id="full"),
        pytest.param((0, 10, 10, 0), -1.0, id="none"),
        pytest.param((25, 25, 25, 25), 0.0, id="chance"),
    ],
)
def test_kappa_agrees_with_hand_computed_cases(table: Table, kappa: float) -> None:
    found = cohen_kappa(*raters(*table))

    assert found.value == pytest.approx(kappa)
    assert found.low <= found.value <= found.high
    assert found.n == sum(table)


@given(PAIRS)
def test_kappa_agrees_with_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    assume(len({*first, *second}) == 2)

    assert cohen_kappa(first, second).value == pytest.approx(cohen_kappa_score(first, second))


def kappa_of(shares: Sequence[float]) -> float:
    both, first, second, neither = shares
    chance = (both + first) * (both + second) + (second + neither) * (first + neither)
    return (both + neither - chance) / (1 - chance)


@pytest.mark.parametrize("table", [(20, 5, 10, 15), (45, 15, 25, 15), (118, 5, 4, 11), (30, 20, 3, 90)])
def test_kappas_interval_is_that_of_the_delta_method(table: Table) -> None:
    n = sum(table)
    shares = [count / n for count in table]
    step = 1e-6
    slopes = [
        (
            kappa_of([share + step * (place == at) for place, share in enumerate(shares)])
            - kappa_of([share - step * (place == at) for place, share in enumerate(shares)])
        )
        / (2 * step)
        for at in range(4)
    ]
    mean = sum(share * slope for share, slope in zip(shares, slopes, strict=True))
    variance = sum(share * slope**2 for share, slope in zip(shares, slopes, strict=True)) - mean**2
    found = cohen_kappa(*raters(*table))

    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * math.sqrt(variance / n), rel=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([True], [True, False], "both lists must hold the same cases, got 1 and 2"),
        ([], [], "both lists are empty"),
        ([True, True], [True, True], "kappa is undefined when both raters gave the same verdict"),
    ],
)
def test_undefined_kappas_are_refused(first: list[bool], second: list[bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cohen_kappa(first, second)


@given(PAIRS)
def test_balanced_accuracy_agrees_with_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    verdicts, labels = [a for a, _ in pairs], [b for _, b in pairs]
    assume(len(set(labels)) == 2)

    assert balanced_accuracy(verdicts, labels) == pytest.approx(balanced_accuracy_score(labels, verdicts))


def test_balanced_accuracy_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="needs labels of both kinds"):
        balanced_accuracy([True], [True])


@pytest.mark.parametrize(
    ("probabilities", "outcomes", "error"),
    [
        # Two bins: |0.25 - 0/2| * 2/4 + |0.95 - 2/2| * 2/4 = 0.125 + 0.025.
        pytest.param([0.25, 0.25, 0.95, 0.95], [False, False, True, True], 0.15, id="two bins"),
        # Within one bin opposite gaps cancel: |(0.12 + 0.18) / 2 - 0/2| = 0.15.
        pytest.param([0.12, 0.18], [False, False], 0.15, id="one bin"),
        pytest.param([0.0, 1.0], [False, True], 0.0, id="certain and right"),
        pytest.param([0.0, 1.0], [True, False], 1.0, id="certain and wrong"),
        # 0.5 belongs to the bin above, [0.5, 0.6).
        pytest.param([0.5, 0.59], [True, False], 0.045, id="edge"),
    ],
)
def test_calibration_error_agrees_with_hand_computed_cases(
    probabilities: list[float], outcomes: list[bool], error: float
) -> None:
    assert expected_calibration_error(probabilities, outcomes) == pytest.approx(error)


def test_calibration_error_depends_on_the_bins() -> None:
    assert expected_calibration_error([0.1, 0.9], [True, False], bins=1) == pytest.approx(0.0)
    assert expected_calibration_error([0.1, 0.9], [True, False], bins=2) == pytest.approx(0.9)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_calibration_error_is_in_range(pairs: list[tuple[float, bool]], bins: int) -> None:
    error = expected_calibration_error([p for p, _ in pairs], [y for _, y in pairs], bins=bins)

    assert 0.0 <= error <= 1.0


def test_a_probability_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a probability must be in \[0, 1\], got 1.5"):
        expected_calibration_error([1.5], [True])


def test_the_flip_rate_counts_verdicts_that_changed() -> None:
    unscored = Score(name="judge", score=None, status=Status.TIMEOUT, explanation="30 s")
    first: list[Score | float | None] = [Score(name="judge", score=0.9), 0.4, 0.1, None, unscored, 0.5]
    second: list[Score | float | None] = [0.8, Score(name="judge", score=0.6), 0.2, 0.9, 0.9, 0.5]

    found = flip_rate(first, second)

    assert (found.value, found.n) == (0.25, 4)
    assert (found.low, found.high) == pytest.approx((0.0456, 0.6994), abs=1e-4)
    assert flip_rate(first, second, threshold=0.3).value == 0.0


def test_runs_without_common_cases_have_no_flip_rate() -> None:
    with pytest.raises(ValueError, match="needs cases that have a number in both runs"):
        flip_rate([None, 0.1], [0.1, None])
