"""calibrate: probabilities, threshold and their figures, from labels."""

import json
import math
from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from groundtrace_evaluators import Calibration, CalibrationError, Score, Status, calibrate
from groundtrace_evaluators.calibration import Method
from groundtrace_evaluators.monotone import interpolated, isotonic, platt

METHODS: tuple[Method, ...] = ("platt", "isotonic")
# Few distinct values make ties, which is where pooling goes wrong.
SCORES = st.lists(
    st.tuples(st.one_of(st.floats(0, 1), st.sampled_from((0.0, 0.25, 0.5, 1.0))), st.booleans()),
    min_size=1,
    max_size=60,
)


def drawn(count: int, slope: float, *, seed: int = 0) -> list[tuple[float, bool]]:
    """Labels whose chance of True is logistic in the score: 1 / (1 + e^-(slope (score - 0.4)))."""
    random = Random(seed)  # noqa: S311 - simulated labels
    scores = [random.random() for _ in range(count)]
    return [(score, random.random() < 1 / (1 + math.exp(-slope * (score - 0.4)))) for score in scores]


def judged(score: float | None, name: str = "groundedness", version: str = "1") -> Score:
    if score is None:
        return Score(
            name=name,
            score=None,
            status=Status.ABSTAINED,
            explanation="declines",
            method="lexical",
            version=version,
        )
    return Score(name=name, score=score, method="lexical", version=version)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_come_close_to_the_truth(method: Method) -> None:
    found = calibrate(drawn(4_000, 8.0), method=method)

    for score in (0.1, 0.4, 0.7, 0.9):
        truth = 1 / (1 + math.exp(-8.0 * (score - 0.4)))
        assert found.probability(score) == pytest.approx(truth, abs=0.08)
    assert found.ece < 0.03
    assert found.balanced_accuracy == pytest.approx(0.82, abs=0.04)
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert (found.n_true + found.n_false, found.unscored) == (4_000, 0)


@pytest.mark.parametrize("method", METHODS)
def test_the_figures_are_those_of_unseen_labels(method: Method) -> None:
    """Scores that say nothing look like chance, whatever was fitted to them."""
    found = calibrate(drawn(400, 0.0), method=method)

    assert found.balanced_accuracy == pytest.approx(0.5, abs=0.08)
    assert found.kappa.low < 0.0 < found.kappa.high
    assert not found.proven()


def test_agreement_is_proven_by_its_lower_bound() -> None:
    found = calibrate(drawn(400, 40.0))

    assert found.proven()
    assert not found.proven(min_kappa=0.99)
    assert not calibrate(drawn(110, 5.0), min_labels=30).proven()


@settings(max_examples=40, deadline=None)
@given(
    labels=SCORES, probes=st.lists(st.floats(-1, 2), min_size=2, max_size=20), method=st.sampled_from(METHODS)
)
def test_probabilities_never_fall_and_stay_in_range(
    labels: list[tuple[float, bool]], probes: list[float], method: Method
) -> None:
    padded = labels + [(0.2, False), (0.6, True)] * 5
    found = calibrate(padded, method=method, min_labels=5)
    probabilities = [found.probability(probe) for probe in sorted(probes)]

    assert probabilities == sorted(probabilities)
    assert all(0.0 <= probability <= 1.0 for probability in probabilities)
    assert 0.0 <= found.ece <= 1.0
    assert 0.0 <= found.balanced_accuracy <= 1.0
    assert math.isfinite(found.threshold)
    assert Calibration.from_json(found.to_json()) == found


@given(SCORES)
def test_isotonic_agrees_with_scikit_learn(labels: list[tuple[float, bool]]) -> None:
    scores, outcomes = [round(score, 6) for score, _ in labels], [outcome for _, outcome in labels]
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, np.array(outcomes, dtype=float))
    knots, probabilities = isotonic(scores, outcomes)

    ours = [interpolated(score, knots, probabilities) for score in scores]

    assert ours == pytest.approx(list(theirs.predict(scores)), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_platt_finds_the_curve_of_greatest_likelihood(seed: int) -> None:
    labels = drawn(150, 6.0, seed=seed)
    scores = np.array([score for score, _ in labels])
    good = sum(outcome for _, outcome in labels)
    targets = np.array(
        [(good + 1) / (good + 2) if outcome else 1 / (150 - good + 2) for _, outcome in labels]
    )

    def loss(curve: Sequence[float]) -> float:
        values = curve[0] * scores + curve[1]
        return float(np.sum(np.logaddexp(0, values) - targets * values))

    best = minimize(loss, (0.0, 0.0), method="BFGS")
    assert platt(list(scores), [outcome for _, outcome in labels]) == pytest.approx(
        best.x, rel=1e-3, abs=1e-3
    )


def test_platt_stays_finite_where_the_score_separates_the_labels() -> None:
    slope, intercept = platt([0.1] * 50 + [0.9] * 50, [False] * 50 + [True] * 50)

    assert 0.0 < slope < 100.0
    assert math.isfinite(intercept)


def test_scores_that_rank_backwards_give_no_falling_map() -> None:
    backwards = [(1.0 - score, label) for score, label in drawn(400, 8.0)]

    for method in METHODS:
        found = calibrate(backwards, method=method)
        assert found.probability(0.0) <= found.probability(1.0)
        assert found.balanced_accuracy <= 0.6


def test_the_threshold_is_where_true_and_false_are_equally_likely() -> None:
    """Nine of ten are true, yet the threshold splits the two kinds, not the crowd."""
    random = Random(1)  # noqa: S311 - simulated labels
    labels = [(random.gauss(0.7, 0.1), True) for _ in range(900)]
    labels += [(random.gauss(0.3, 0.1), False) for _ in range(100)]

    for method in METHODS:
        found = calibrate(labels, method=method)
        assert 0.4 < found.threshold < 0.6
        assert found.balanced_accuracy > 0.93


def test_too_few_labels_are_refused_with_the_counts() -> None:
    labels = [(judged(0.5), True)] * 80 + [(judged(0.2), False)] * 12 + [(judged(None), False)] * 60

    with pytest.raises(
        CalibrationError, match="at least 50 labels of each kind, got 80 true and 12 false"
    ) as error:
        calibrate(labels)
    assert "(60 without)" in str(error.value)


def test_labels_without_a_number_are_counted_and_left_out() -> None:
    scored = [(judged(score), label) for score, label in drawn(300, 8.0)]

    found = calibrate([*scored, (judged(None), True), (judged(None), False)])

    assert found.unscored == 2
    assert found.n_true + found.n_false == 300
    assert (found.evaluator, found.version, found.scored_by) == ("groundedness", "1", "lexical")


def test_scores_of_several_evaluators_are_refused() -> None:
    labels = [(judged(0.5), True), (judged(0.5, version="2"), False)] * 60

    with pytest.raises(CalibrationError, match=r"got groundedness 1 \(lexical\), groundedness 2 \(lexical\)"):
        calibrate(labels)


def test_a_score_of_another_version_has_no_probability() -> None:
    found = calibrate([(judged(score), label) for score, label in drawn(300, 8.0)])

    assert found.probability(judged(0.7)) == found.probability(0.7)
    assert found.probability(judged(None)) is None
    assert found.verdict(judged(None)) is None
    assert (found.verdict(0.99), found.verdict(judged(0.01))) == (True, False)
    with pytest.raises(CalibrationError, match="the score of groundedness 2"):
        found.probability(judged(0.7, version="2"))
    with pytest.raises(ValueError, match="must be a finite number, got nan"):
        found.probability(float("nan"))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([(0.5, 1)], TypeError, "label 0 must be True or False, got int"),
        ([(float("inf"), True)], CalibrationError, "score 0 must be a finite number, got inf"),
        ([(True, True)], CalibrationError, "score 0 must be a finite number, got True"),
        ([], CalibrationError, "got 0 true and 0 false"),
    ],
)
def test_wrong_labels_are_named(
    labels: list[tuple[float, bool]], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        calibrate(labels)


def test_the_same_labels_give_the_same_calibration() -> None:
    labels = drawn(300, 8.0)

    assert calibrate(labels) == calibrate(iter(labels))


def test_a_calibration_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        calibrate(drawn(300, 8.0)).threshold = 0.1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"scores": [-1.0, 0.0]}, "the map of method platt is not sound", id="falling curve"),
        pytest.param({"scores": [1.0]}, "not sound", id="half a curve"),
        pytest.param({"method": "isotonic"}, "not sound", id="another method"),
        pytest.param(
            {"method": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.9, 0.1]},
            "not sound",
            id="falling map",
        ),
        pytest.param({"threshold": "high"}, "threshold: Input should be a valid number", id="threshold"),
        pytest.param({"method": "magic"}, "method: Input should be", id="method"),
    ],
)
def test_json_that_is_no_calibration_is_refused(change: dict[str, object], message: str) -> None:
    text = json.dumps(json.loads(calibrate(drawn(300, 8.0)).to_json()) | change)

    with pytest.raises(CalibrationError, match=message):
        Calibration.from_json(text)


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json"])
def test_text_that_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(CalibrationError, match="this is no calibration"):
        Calibration.from_json(text)
