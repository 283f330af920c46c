"""Maps from a raw score to a probability that never fall as the score rises."""

import math
from bisect import bisect_right
from collections.abc import Sequence

_STEPS = 100
_SETTLED = 1e-10


def isotonic(
    scores: Sequence[float], outcomes: Sequence[bool]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots (scores, probabilities) of the rising map that is closest to the outcomes in squared error.

    Pool adjacent violators (Ayer et al. 1955): equal scores count together, neighbours out of order take
    their common mean. Each block of equal probability gives its two ends as knots.
    """
    totals: dict[float, tuple[int, int]] = {}
    for score, outcome in zip(scores, outcomes, strict=True):
        hits, count = totals.get(score, (0, 0))
        totals[score] = hits + outcome, count + 1
    blocks: list[tuple[float, float, int, int]] = []
    for score in sorted(totals):
        first, (hits, count) = score, totals[score]
        while blocks and blocks[-1][2] * count >= hits * blocks[-1][3]:
            first, _, more_hits, more = blocks.pop()
            hits, count = hits + more_hits, count + more
        blocks.append((first, score, hits, count))
    knots = [
        (end, hits / count) for first, last, hits, count in blocks for end in dict.fromkeys((first, last))
    ]
    return tuple(score for score, _ in knots), tuple(share for _, share in knots)


def interpolated(score: float, scores: Sequence[float], probabilities: Sequence[float]) -> float:
    """Straight between the knots, level beyond them.

    >>> interpolated(0.25, [0.0, 0.5], [0.0, 1.0]), interpolated(9.0, [0.0, 0.5], [0.0, 1.0])
    (0.5, 1.0)
    """
    place = bisect_right(scores, score)
    if place == 0:
        return probabilities[0]
    if place == len(scores):
        return probabilities[-1]
    left, right = scores[place - 1], scores[place]
    low, high = probabilities[place - 1], probabilities[place]
    between = low + (high - low) * ((score - left) / (right - left))
    return min(high, max(low, between))  # rounding must not break the order


def platt(scores: Sequence[float], outcomes: Sequence[bool]) -> tuple[float, float]:
    """Slope, never below 0, and intercept of the logistic curve that fits the outcomes best.

    Newton's method on the log-likelihood, with Platt's targets (N+ + 1)/(N+ + 2) and 1/(N- + 2) in place of 1
    and 0, which keep the slope finite where the score separates the outcomes.

    Source: Platt (1999), "Probabilistic outputs for support vector machines"; Lin, Lin and Weng (2007).
    """
    good = sum(outcomes)
    bad = len(outcomes) - good
    high, low = (good + 1) / (good + 2), 1 / (bad + 2)
    targets = [high if outcome else low for outcome in outcomes]
    centre = sum(scores) / len(scores)
    shifted = [score - centre for score in scores]
    slope, intercept = 0.0, _logit(sum(targets) / len(targets))
    loss = _loss(shifted, targets, slope, intercept)
    for _ in range(_STEPS):
        step = _newton(shifted, targets, slope, intercept)
        size = 1.0
        while size > _SETTLED:
            there = slope + size * step[0], intercept + size * step[1]
            new = _loss(shifted, targets, *there)
            if new <= loss:
                break
            size /= 2
        if size <= _SETTLED or loss - new < _SETTLED:
            break
        (slope, intercept), loss = there, new
    if slope <= 0.0:
        return 0.0, _logit(sum(targets) / len(targets))
    return slope, intercept - slope * centre


def logistic(value: float) -> float:
    """1 / (1 + e^-value), without overflow."""
    if value >= 0.0:
        return 1.0 / (1.0 + math.exp(-value))
    return math.exp(value) / (1.0 + math.exp(value))


def _newton(
    scores: Sequence[float], targets: Sequence[float], slope: float, intercept: float
) -> tuple[float, float]:
    gradient_slope = gradient_level = 0.0
    curve_slope = curve_level = 1e-12
    curve_both = 0.0
    for score, target in zip(scores, targets, strict=True):
        found = logistic(slope * score + intercept)
        spread = found * (1.0 - found)
        gradient_slope += (target - found) * score
        gradient_level += target - found
        curve_slope += spread * score * score
        curve_level += spread
        curve_both += spread * score
    size = curve_slope * curve_level - curve_both * curve_both
    if size <= 0.0:
        return 0.0, gradient_level / curve_level
    return (
        (curve_level * gradient_slope - curve_both * gradient_level) / size,
        (curve_slope * gradient_level - curve_both * gradient_slope) / size,
    )


def _loss(scores: Sequence[float], targets: Sequence[float], slope: float, intercept: float) -> float:
    total = 0.0
    for score, target in zip(scores, targets, strict=True):
        value = slope * score + intercept
        total += max(value, 0.0) - value * target + math.log1p(math.exp(-abs(value)))
    return total


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))
