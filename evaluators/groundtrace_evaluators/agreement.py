"""How far verdicts agree: with human labels, with another judge, with themselves on another day."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from groundtrace_evaluators.score import Score

_Z = 1.959963984540054
ECE_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval and the number of cases that it rests on."""

    value: float
    low: float
    high: float
    n: int


def cohen_kappa(first: Sequence[bool], second: Sequence[bool]) -> Estimate:
    """Agreement of two raters beyond chance: 1 is full, 0 is chance, below 0 they disagree.

    The interval is the large-sample one, kept within [-1, 1]. Raises ValueError when the lists differ in
    length, are empty, or when both raters gave one same verdict throughout, where kappa is undefined.

    Source: Cohen (1960); variance by Fleiss, Cohen and Everitt (1969), as printed in Fleiss, Levin and Paik
    (2003), formula 18.14.

    >>> cohen_kappa([True, True, False, False], [True, False, False, False]).value
    0.5
    """
    n = _same_length(first, second)
    shares = [
        [
            sum(a is one and b is other for a, b in zip(first, second, strict=True)) / n
            for other in (True, False)
        ]
        for one in (True, False)
    ]
    rows = [sum(row) for row in shares]
    columns = [shares[0][place] + shares[1][place] for place in (0, 1)]
    chance = rows[0] * columns[0] + rows[1] * columns[1]
    if chance >= 1.0:
        raise ValueError("kappa is undefined when both raters gave the same verdict on every case")
    agreed = shares[0][0] + shares[1][1]
    kappa = (agreed - chance) / (1.0 - chance)
    left = sum(shares[i][i] * (1.0 - (rows[i] + columns[i]) * (1.0 - kappa)) ** 2 for i in (0, 1))
    right = (1.0 - kappa) ** 2 * sum(
        shares[i][j] * (columns[i] + rows[j]) ** 2 for i in (0, 1) for j in (0, 1) if i != j
    )
    level = (kappa - chance * (1.0 - kappa)) ** 2
    error = math.sqrt(max(0.0, left + right - level)) / ((1.0 - chance) * math.sqrt(n))
    return Estimate(value=kappa, low=max(-1.0, kappa - _Z * error), high=min(1.0, kappa + _Z * error), n=n)


def balanced_accuracy(verdicts: Sequence[bool], labels: Sequence[bool]) -> float:
    """Mean of the shares of true labels judged true and of false labels judged false; 0.5 is chance.

    Raises ValueError when the lists differ in length or the labels are not of both kinds.

    >>> balanced_accuracy([True, False, False, False], [True, True, False, False])
    0.75
    """
    _same_length(verdicts, labels)
    kinds = [
        [verdict is label for verdict, label in zip(verdicts, labels, strict=True) if label is kind]
        for kind in (True, False)
    ]
    if not all(kinds):
        raise ValueError("balanced accuracy needs labels of both kinds")
    return sum(sum(kind) / len(kind) for kind in kinds) / len(kinds)


def expected_calibration_error(
    probabilities: Sequence[float], outcomes: Sequence[bool], *, bins: int = ECE_BINS
) -> float:
    """Mean gap between what was foretold and what came true, over ``bins`` bins of equal width on [0, 1].

    Each bin's gap is the absolute difference of its mean probability and its share of true outcomes, weighted
    by its cases; a probability on an edge belongs to the bin above, 1.0 to the last. The figure depends on the
    bins: compare only what was measured with as many, on about as many cases.

    Raises ValueError when the lists differ in length or are empty, or a probability is outside [0, 1].

    Source: Naeini, Cooper and Hauskrecht (2015); Guo et al. (2017).

    >>> expected_calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, False, False])
    0.25
    """
    n = _same_length(probabilities, outcomes)
    sums = [[0.0, 0.0] for _ in range(bins)]
    for probability, outcome in zip(probabilities, outcomes, strict=True):
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"a probability must be in [0, 1], got {probability}")
        place = sums[min(int(probability * bins), bins - 1)]
        place[0] += probability
        place[1] += outcome
    return sum(abs(foretold - came) for foretold, came in sums) / n


def flip_rate(
    first: Sequence[Score | float | None], second: Sequence[Score | float | None], *, threshold: float = 0.5
) -> Estimate:
    """Share of the cases on which two runs of one evaluator fall on different sides of the threshold.

    The runs hold the same cases in the same order; a case without a number in either run (None, or a Score
    that has none) is left out, so ``n`` may be less than their length. The interval is Wilson's.

    Raises ValueError when the runs differ in length or no case has a number in both.

    >>> flip_rate([0.9, 0.4, 0.1, None], [0.8, 0.6, 0.2, 0.9]).value
    0.3333333333333333
    """
    _same_length(first, second)
    pairs = [(_number(a), _number(b)) for a, b in zip(first, second, strict=True)]
    both = [(a >= threshold, b >= threshold) for a, b in pairs if a is not None and b is not None]
    if not both:
        raise ValueError("a flip rate needs cases that have a number in both runs, got none")
    return wilson(sum(a is not b for a, b in both), len(both))


def wilson(hits: int, n: int) -> Estimate:
    """A share with Wilson's 95 % interval (1927); ``n`` is at least 1."""
    share, square = hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = _Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return Estimate(value=share, low=max(0.0, middle - reach), high=min(1.0, middle + reach), n=n)


def _number(found: Score | float | None) -> float | None:
    return found.score if isinstance(found, Score) else found


def _same_length(first: Sequence[object], second: Sequence[object]) -> int:
    if len(first) != len(second):
        raise ValueError(f"both lists must hold the same cases, got {len(first)} and {len(second)}")
    if not first:
        raise ValueError("there is nothing to compare: both lists are empty")
    return len(first)
