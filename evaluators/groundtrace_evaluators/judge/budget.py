"""What the judge may spend: reserved before a call at its upper bound, corrected after it."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from groundtrace_evaluators.judge.config import JudgeConfig
from groundtrace_evaluators.judge.failure import JudgeFailedError
from groundtrace_evaluators.score import Status

logger = logging.getLogger(__name__)

_LOCK_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens of both directions, and what they cost; 0 dollars where the price is not known."""

    tokens: int
    usd: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens - other.tokens, self.usd - other.usd)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A call that was allowed; ``settle`` takes it back."""

    day: str
    bound: Amount


def utc_now() -> datetime:
    """The clock of budgets."""
    return datetime.now(UTC)


class Budget:
    """The limits of one evaluator's run and of the day; a call that could break one is not made.

    The day's sums live in SQLite: in ``folder`` for all processes that name it, else in this process. A
    process that dies in a call leaves its reservation counted, since the call may have been paid for.
    """

    def __init__(self, config: JudgeConfig, *, now: Callable[[], datetime] = utc_now) -> None:
        self._config = config
        self._now = now
        self._run = Amount(0)
        self._days = _opened(_file(config.folder))

    def reserve(self, bound: Amount) -> Reservation:
        """Set aside the most that a call can cost.

        Raises JudgeFailedError: budget_exhausted, or error when the day's file cannot be used.
        """
        after, config = self._run + bound, self._config
        if config.run_tokens is not None and after.tokens > config.run_tokens:
            raise _exhausted("run_tokens", f"{config.run_tokens:,} tokens", self._run, bound)
        if config.run_usd is not None and after.usd > config.run_usd:
            raise _exhausted("run_usd", f"${config.run_usd:g}", self._run, bound)
        day = self._now().date().isoformat()
        limits = {"day_tokens": config.day_tokens, "day_usd": config.day_usd}
        values = {"day": day, "tokens": bound.tokens, "usd": bound.usd}
        try:
            self._days.execute(_statement("open_day"), {"day": day})
            done = self._days.execute(_statement("reserve"), values | limits)
        except sqlite3.Error as exc:
            raise JudgeFailedError(Status.ERROR, f"the day's spending in {config.folder}: {exc}") from exc
        if done.rowcount != 1:
            limit = " and ".join(f"{name} {value:g}" for name, value in limits.items() if value is not None)
            raise _exhausted("the day's budget", limit, self.spent_today(), bound)
        self._run = after
        return Reservation(day, bound)

    def settle(self, reservation: Reservation, cost: Amount) -> None:
        """Put back what the call did not cost; where the day's file cannot be used the bound stays counted."""
        change = cost - reservation.bound
        self._run += change
        values = {"day": reservation.day, "tokens": change.tokens, "usd": change.usd}
        try:
            self._days.execute(_statement("settle"), values)
        except sqlite3.Error as exc:
            logger.warning(
                "the day's spending in %s keeps a call's upper bound: %s", self._config.folder, exc
            )

    def spent(self) -> Amount:
        """What this run has spent and reserved."""
        return self._run

    def spent_today(self) -> Amount:
        """What has been spent and reserved today, by everyone who shares the folder."""
        row = self._days.execute(_statement("spent"), {"day": self._now().date().isoformat()}).fetchone()
        return Amount(row[0], row[1]) if row else Amount(0)

    def close(self) -> None:
        """Close the file of the day's sums."""
        self._days.close()


def _exhausted(which: str, limit: str, spent: Amount, bound: Amount) -> JudgeFailedError:
    return JudgeFailedError(
        Status.BUDGET_EXHAUSTED,
        f"{which} ({limit}) would not cover the call: {_said(spent)} are spent or reserved, "
        f"the call can take {_said(bound)}",
    )


def _said(amount: Amount) -> str:
    return f"{amount.tokens:,} tokens" + (f" (${amount.usd:.4f})" if amount.usd else "")


def _file(folder: Path | None) -> str:
    if folder is None:
        return ":memory:"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder / "spent.sqlite3")


def _opened(file: str) -> sqlite3.Connection:
    days = sqlite3.connect(file, timeout=_LOCK_WAIT_S, isolation_level=None, check_same_thread=False)
    # Short writes that wait for no disk: a lost last second of sums after a power cut is borne, a call that
    # cannot get the lock is not.
    days.execute("PRAGMA synchronous = NORMAL")
    with suppress(sqlite3.OperationalError):  # another process is switching it right now
        days.execute("PRAGMA journal_mode = WAL")
    days.execute(_statement("days"))
    return days


@cache
def _statement(name: str) -> str:
    return (files("groundtrace_evaluators.judge") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
