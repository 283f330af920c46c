"""From raw scores to probabilities, a threshold, and how far to trust both, by human labels."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from json import dumps
from random import Random
from typing import Literal, Self, overload

from groundtrace_evaluators.agreement import (
    ECE_BINS,
    Estimate,
    balanced_accuracy,
    cohen_kappa,
    expected_calibration_error,
)
from groundtrace_evaluators.errors import CalibrationError
from groundtrace_evaluators.monotone import interpolated, isotonic, logistic, platt
from groundtrace_evaluators.score import Score

Method = Literal["platt", "isotonic"]

MIN_LABELS = 50
"""Labels of each kind below which a calibration says more about luck than about the evaluator."""

FOLDS = 5
MIN_KAPPA = 0.4
"""Below this lower bound agreement is not proven: "fair" and less on the scale of Landis and Koch (1977)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a raw score of one evaluator means, learnt from labels; make it with ``calibrate``.

    ``balanced_accuracy``, ``ece`` and ``kappa`` are of labels that the map had not seen: each fifth of the
    labels was judged by a map, and a threshold, fitted on the other four.
    """

    evaluator: str
    """Name of the evaluator; empty when it was calibrated from plain numbers."""
    version: str
    scored_by: str
    """The evaluator's method, which must be the same as in scores to come."""
    method: Method
    scores: tuple[float, ...]
    """Raw scores of the map's knots, rising; for ``platt`` the slope and the intercept of the curve."""
    probabilities: tuple[float, ...]
    """Probability at each knot, never falling; empty for ``platt``."""
    threshold: float
    """The raw score from which on True is likelier than it is on average; best for balanced accuracy."""
    balanced_accuracy: float
    """Of the verdicts at the threshold, in [0, 1]; 0.5 is chance."""
    ece: float
    """Expected calibration error of the probabilities over ``ece_bins`` bins of equal width, in [0, 1]."""
    ece_bins: int
    kappa: Estimate
    """Cohen's kappa of the verdicts at the threshold with the labels, with its 95 % interval."""
    n_true: int
    n_false: int
    unscored: int
    """Labels whose Score had no number; they are in none of the figures."""

    @overload
    def probability(self, score: float) -> float: ...

    @overload
    def probability(self, score: Score) -> float | None: ...

    def probability(self, score: Score | float) -> float | None:
        """Probability, in [0, 1], that a person would say True; it never falls as the score rises.

        None for a Score without a number. Raises CalibrationError for a Score of another evaluator, version or
        method, ValueError for a number that is not finite.
        """
        if isinstance(score, Score):
            self._check_source(score)
            if score.score is None:
                return None
            score = score.score
        if not math.isfinite(score):
            raise ValueError(f"a score must be a finite number, got {score}")
        return _probability(self.method, self.scores, self.probabilities, score)

    def verdict(self, score: Score | float) -> bool | None:
        """True from the threshold on; None for a Score without a number. Raises as ``probability``."""
        found = self.probability(score)
        if found is None:
            return None
        number = score.score if isinstance(score, Score) else score
        return number is not None and number >= self.threshold

    def proven(self, *, min_kappa: float = MIN_KAPPA) -> bool:
        """Whether the lower bound of kappa reaches ``min_kappa``; otherwise it should block no release."""
        return self.kappa.low >= min_kappa

    def to_json(self) -> str:
        """This calibration as JSON, to be kept beside the gate that uses it."""
        return dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The calibration that ``to_json`` wrote; raises CalibrationError that says what is wrong."""
        from pydantic import TypeAdapter, ValidationError

        try:
            found = TypeAdapter(cls).validate_json(text)
        except ValidationError as exc:
            first = exc.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise CalibrationError(
                f"this is no calibration: {place + ': ' if place else ''}{first['msg']}"
            ) from exc
        found.check()
        return found

    def check(self) -> None:
        """Raises CalibrationError when the map is none, or falls."""
        if self.method == "platt":
            sound = len(self.scores) == 2 and not self.probabilities and self.scores[0] >= 0.0
        else:
            sound = (
                0 < len(self.scores) == len(self.probabilities)
                and list(self.scores) == sorted(set(self.scores))
                and list(self.probabilities) == sorted(self.probabilities)
                and all(0.0 <= probability <= 1.0 for probability in self.probabilities)
            )
        if not sound or not all(map(math.isfinite, (*self.scores, self.threshold))):
            raise CalibrationError(f"this is no calibration: the map of method {self.method} is not sound")

    def _check_source(self, score: Score) -> None:
        mine, its = (self.evaluator, self.version, self.scored_by), (score.name, score.version, score.method)
        if self.evaluator and mine != its:
            raise CalibrationError(
                f"this calibration is of {_source(*mine)}, the score of {_source(*its)}: calibrate anew"
            )


def calibrate(
    labels: Iterable[tuple[Score | float, bool]], *, method: Method = "platt", min_labels: int = MIN_LABELS
) -> Calibration:
    """Learn from labels what a raw score means.

    ``labels`` are pairs of a score and what a person said of the same case; True is what a score of 1 stands
    for (grounded; for hallucination_score: hallucinated). Scores are all of one evaluator, version and
    method; those without a number are counted and left out. ``platt`` fits a logistic curve, which a hundred
    labels bear; ``isotonic`` any rising map, for about a thousand and more.

    Calibrate anew for another kind of text: a threshold for short answers does not fit summaries, nor one
    for English German.

    Raises CalibrationError for fewer than ``min_labels`` of either kind, and when scores are of several
    evaluators; TypeError for a label that is not True or False.
    """
    numbers, outcomes, unscored, source = _read(labels)
    n_true = sum(outcomes)
    n_false = len(outcomes) - n_true
    if min(n_true, n_false) < max(min_labels, FOLDS):
        raise CalibrationError(
            f"calibration needs at least {max(min_labels, FOLDS)} labels of each kind, got {n_true} true and"
            f" {n_false} false with a score ({unscored} without)"
        )
    unseen = _unseen(numbers, outcomes, method)
    foretold, verdicts = [probability for probability, _ in unseen], [verdict for _, verdict in unseen]
    scores, probabilities, threshold = _fit(numbers, outcomes, method)
    return Calibration(
        evaluator=source[0],
        version=source[1],
        scored_by=source[2],
        method=method,
        scores=scores,
        probabilities=probabilities,
        threshold=threshold,
        balanced_accuracy=balanced_accuracy(verdicts, outcomes),
        ece=expected_calibration_error(foretold, outcomes),
        ece_bins=ECE_BINS,
        kappa=cohen_kappa(verdicts, outcomes),
        n_true=n_true,
        n_false=n_false,
        unscored=unscored,
    )


_Fit = tuple[tuple[float, ...], tuple[float, ...], float]
"""Knots and threshold."""


def _fit(numbers: Sequence[float], outcomes: Sequence[bool], method: Method) -> _Fit:
    """The map, and the score where it crosses the share of True among the labels.

    There a score is as likely among the true as among the false, which is where balanced accuracy is best.
    """
    average = sum(outcomes) / len(outcomes)
    if method == "platt":
        slope, intercept = platt(numbers, outcomes)
        # Without a slope no score tells anything; the mean splits the cases somewhere.
        middle = (math.log(average / (1.0 - average)) - intercept) / slope if slope else _mean(numbers)
        return (slope, intercept), (), middle
    scores, probabilities = isotonic(numbers, outcomes)
    reached = (score for score, found in zip(scores, probabilities, strict=True) if found >= average - 1e-12)
    return scores, probabilities, next(reached)


def _probability(
    method: Method, scores: Sequence[float], probabilities: Sequence[float], score: float
) -> float:
    if method == "platt":
        return logistic(scores[0] * score + scores[1])
    return interpolated(score, scores, probabilities)


def _unseen(numbers: Sequence[float], outcomes: Sequence[bool], method: Method) -> list[tuple[float, bool]]:
    """Probability and verdict of each label by a map that was fitted without its fold."""
    fold = _folds(outcomes)
    found: list[tuple[float, bool]] = [(0.0, False)] * len(numbers)
    for held in range(FOLDS):
        known = [place for place in range(len(numbers)) if fold[place] != held]
        scores, probabilities, threshold = _fit(
            [numbers[place] for place in known], [outcomes[place] for place in known], method
        )
        for place in range(len(numbers)):
            if fold[place] == held:
                score = numbers[place]
                found[place] = _probability(method, scores, probabilities, score), score >= threshold
    return found


def _folds(outcomes: Sequence[bool]) -> list[int]:
    """The fold of each label: shuffled with a fixed seed, as many of each kind in every fold."""
    fold = [0] * len(outcomes)
    for kind in (True, False):
        places = [place for place, outcome in enumerate(outcomes) if outcome is kind]
        Random(0).shuffle(places)  # noqa: S311 - for an even split, not for secrets
        for rank, place in enumerate(places):
            fold[place] = rank % FOLDS
    return fold


def _read(
    labels: Iterable[tuple[Score | float, bool]],
) -> tuple[list[float], list[bool], int, tuple[str, str, str]]:
    """The numbers and outcomes of scored labels, how many had no number, and whose scores they are."""
    numbers: list[float] = []
    outcomes: list[bool] = []
    unscored = 0
    sources: set[tuple[str, str, str]] = set()
    for index, (score, label) in enumerate(labels):
        if not isinstance(label, bool):
            raise TypeError(f"label {index} must be True or False, got {type(label).__name__}")
        if isinstance(score, Score):
            sources.add((score.name, score.version, score.method))
            number = score.score
        else:
            number = score
        if number is None:
            unscored += 1
        elif isinstance(number, bool) or not math.isfinite(number):
            raise CalibrationError(f"score {index} must be a finite number, got {number}")
        else:
            numbers.append(float(number))
            outcomes.append(label)
    if len(sources) > 1:
        found = ", ".join(sorted(_source(*source) for source in sources))
        raise CalibrationError(f"labels must be of one evaluator, version and method, got {found}")
    return numbers, outcomes, unscored, next(iter(sources), ("", "", ""))


def _source(name: str, version: str, method: str) -> str:
    return f"{name} {version} ({method})"


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
