"""What sort of number a score is, and whether it is one at all. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from groundtrace import semconv


def number(value: object) -> float | None:
    """Return a score as a float, also numpy's; None for what is no finite number.

    >>> number(float("nan"))
    """
    figure = value
    if type(figure) is not float:
        if value is None or isinstance(value, (bool, str, bytes)):
            return None
        try:
            figure = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return None
    return figure if figure - figure == 0 else None


def sense_by_order(scores: Sequence[float]) -> str | None:
    """Tell similarity from distance: hits come best first, so their order says it.

    None when they are all alike, or in no order.

    >>> sense_by_order([0.9, 0.9, 0.2])
    'similarity'
    """
    falling = rising = False
    for one, other in pairwise(scores):
        falling = falling or one > other
        rising = rising or one < other
    if falling == rising:
        return None
    return semconv.SCORE_SENSE_SIMILARITY if falling else semconv.SCORE_SENSE_DISTANCE
