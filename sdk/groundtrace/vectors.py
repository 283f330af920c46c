"""Vectors as encoders hand them about: nested lists, arrays, tensors. Pure, and without numpy."""

import math
from array import array
from collections.abc import Sequence
from numbers import Real
from typing import Any


def vector_shape(value: object) -> tuple[int, int] | None:
    """Return (vectors, dimension) of an encoder's result; None for what is neither one vector nor several.

    Understood: a list of numbers, a list of vectors, arrays and tensors of one or two dimensions. Only
    the first vector is looked at.
    """
    if isinstance(value, (list, tuple)):
        if is_one_vector(value):
            return 1, len(value)
        return (len(value), len(value[0])) if value and is_one_vector(value[0]) else None
    shape = getattr(value, "shape", None)
    if shape is None:
        return (1, len(value)) if isinstance(value, array) else None
    sizes = tuple(int(size) for size in shape)
    if len(sizes) == 1:
        return 1, sizes[0]
    return (sizes[0], sizes[1]) if len(sizes) == 2 else None


def is_one_vector(value: object) -> bool:
    """Whether ``value`` is a vector, not a list or matrix of several."""
    if isinstance(value, (list, tuple)):
        return bool(value) and _is_number(value[0])
    shape = getattr(value, "shape", None)
    return isinstance(value, array) if shape is None else len(shape) == 1


def floats(vector: Any) -> Sequence[float]:
    """Return one vector's numbers, wherever they are kept."""
    to_list = getattr(vector, "tolist", None)
    numbers = to_list() if callable(to_list) else vector
    return [float(number) for number in numbers]


def norm(vector: Any) -> float:
    """Return a vector's Euclidean length, summed without overflow in whatever type it came.

    >>> norm([3.0, 4.0])
    5.0
    """
    return math.hypot(*_plain(vector))


def _plain(vector: Any) -> Sequence[Any]:
    # What math takes as it is: no copy for the commonest case, a list of floats, and one for arrays.
    if isinstance(vector, (list, tuple, array)):
        return vector
    to_list = getattr(vector, "tolist", None)
    return to_list() if callable(to_list) else floats(vector)


def at_hand(value: object) -> bool:
    """Whether reading the numbers is cheap: not on a graphics card, which it would stall, and not sparse."""
    if isinstance(value, (list, tuple, array)):
        return True
    device = str(getattr(value, "device", "cpu"))
    return device == "cpu" and getattr(value, "is_sparse", False) is not True


def evenly(count: int, most: int) -> range:
    """Return up to ``most`` places out of ``count``, as far from each other as they can be.

    >>> list(evenly(10, 4))
    [0, 3, 6, 9]
    """
    return range(0, count, -(-count // most)) if count else range(0)


def _is_number(value: object) -> bool:
    if type(value) is float:  # the commonest, and quicker told than by an abstract class
        return True
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) or getattr(value, "shape", None) == ()
