"""Stops asking an endpoint that keeps failing."""

from collections.abc import Callable
from dataclasses import dataclass

from groundtrace_evaluators.judge.failure import JudgeFailedError


@dataclass(slots=True)
class Breaker:
    """Opens after ``failures`` failed calls in a row, for ``open_s`` seconds; 0 failures never opens.

    After that one call goes through: its success closes the breaker, its failure opens it again.
    """

    failures: int
    open_s: float
    clock: Callable[[], float]
    _failed: int = 0
    _last: JudgeFailedError | None = None
    _opened_at: float = 0.0
    _trying: bool = False

    def check(self) -> None:
        """Raise JudgeFailedError, with the status of the last failure, while the breaker is open."""
        if self._last is None or not self.failures or self._failed < self.failures:
            return
        left = self._opened_at + self.open_s - self.clock()
        if left > 0.0 or self._trying:
            raise JudgeFailedError(
                self._last.status,
                f"not asked: {self._failed} calls in a row have failed, the next try is in {max(0.0, left):.0f} s; "
                f"the last one: {self._last}",
            )
        self._trying = True

    def succeeded(self) -> None:
        """The endpoint answered."""
        self._failed, self._last, self._trying = 0, None, False

    def failed(self, why: JudgeFailedError) -> None:
        """The endpoint did not answer, or not now."""
        self._failed += 1
        self._last, self._opened_at, self._trying = why, self.clock(), False

    def gave_up(self) -> None:
        """The call ended without learning anything about the endpoint: the next one may try."""
        self._trying = False
