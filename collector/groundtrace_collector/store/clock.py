"""The server sequence: a hybrid logical clock in microseconds since the epoch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def _now_us() -> int:
    return time.time_ns() // 1_000


class Sequence:
    """Numbers that follow the clock, never repeat and never go back, also when the clock does."""

    def __init__(self, *, last: int = 0, now_us: Callable[[], int] = _now_us) -> None:
        self._last = last
        self._now_us = now_us
        self._lock = threading.Lock()

    def next(self) -> int:
        """The next number: the clock's microsecond, or one more than the last."""
        with self._lock:
            self._last = max(self._last + 1, self._now_us())
            return self._last

    @property
    def last(self) -> int:
        """The largest number given so far."""
        return self._last

    def follow(self, number: int) -> None:
        """Never give ``number`` or less again."""
        with self._lock:
            self._last = max(self._last, number)
