"""Budgets of jobs and runs: reserved before an evaluator that costs money is asked, settled after.

A job's spending lies in the store, so that workers share it and no restart forgets it. Pure, save `Treasury`.
"""

import re
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from typing import Final

from groundtrace_collector.jobs.board import Task
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

_BUDGET: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?|\.\d{1,6})\s*/\s*day")
_ROUNDING_USD: Final = 1e-9


def day_usd(budget: str) -> float:
    """US dollars a day from ``5/day``; raises ValueError that names the value and says what to write.

    >>> day_usd("0.5/day")
    0.5
    """
    match = _BUDGET.fullmatch(budget.strip().lower())
    if match is None or not float(match[1]):
        raise ValueError(
            f"budget_usd {budget!r} is no budget of a job: give dollars a day (UTC), such as 5/day or 0.5/day"
        )
    return float(match[1])


def next_day(now: datetime) -> datetime:
    """The midnight (UTC) after ``now``, when a day's budget begins anew."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


class Answer(Enum):
    """What a purse says to a call's upper bound.

    ``LATER``: what others have reserved and may give back is in the way. ``NEVER``: the call alone can cost
    more than the whole budget, or it is not known what it can cost.
    """

    GRANTED = "granted"
    LATER = "later"
    EXHAUSTED = "exhausted"
    NEVER = "never"


@dataclass(slots=True, kw_only=True)
class Purse:
    """What may be spent, and what is. ``day`` is '' for a run, whose purse lives as long as it does."""

    owner: str
    limit_usd: float
    day: str = ""
    total_usd: float = 0.0
    """Spent and reserved."""
    open_usd: float = 0.0
    """Reserved by calls that are still expected back."""

    def ask(self, bound_usd: float | None) -> Answer:
        """Whether a call that can cost so much may be made; a cost that is not known never may."""
        if bound_usd is None or bound_usd > self.limit_usd + _ROUNDING_USD:
            return Answer.NEVER
        if self.total_usd + bound_usd <= self.limit_usd + _ROUNDING_USD:
            return Answer.GRANTED
        return Answer.LATER if self.open_usd > _ROUNDING_USD else Answer.EXHAUSTED

    def reserve(self, bound_usd: float) -> None:
        """Set the bound aside."""
        self.total_usd += bound_usd
        self.open_usd += bound_usd

    def settle(self, bound_usd: float, cost_usd: float) -> None:
        """A call is back, and has cost this much."""
        self.total_usd += cost_usd - bound_usd
        self.open_usd -= bound_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reservation:
    purse: Purse
    call_id: str
    bound_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A task, the most that it can cost (None: not known), and the purses that it is paid from."""

    task: Task
    bound_usd: float | None
    purses: tuple[Purse, ...]

    def answer(self) -> Answer:
        """The purses' answers as one, the most final of them."""
        answers = {purse.ask(self.bound_usd) for purse in self.purses}
        order = (Answer.NEVER, Answer.EXHAUSTED, Answer.LATER, Answer.GRANTED)
        return next((answer for answer in order if answer in answers), Answer.GRANTED)


@dataclass(slots=True)
class Treasury:
    """The purses of jobs, and what is reserved under each lease; the caller holds the jobs' lock."""

    store: Store
    clock: Callable[[], datetime]
    _purses: dict[str, Purse] = field(default_factory=dict)
    _reserved: dict[str, dict[Task, list[_Reservation]]] = field(default_factory=dict)

    async def purse(self, job: str, limit_usd: float) -> Purse:
        """The purse of a job for today, as the store has it."""
        day = self.clock().astimezone(UTC).date().isoformat()
        purse = self._purses.get(job)
        if purse is None or purse.day != day:
            purse = self._purses[job] = Purse(owner=job, limit_usd=limit_usd, day=day)
        purse.limit_usd = limit_usd
        (row,) = await self.store.query(statement(__package__, "spent"), {"job": job, "day": day})
        purse.total_usd = float(row["Usd"])
        return purse

    async def reserve(self, lease_id: str, asked: Sequence[Asked]) -> list[Answer]:
        """What becomes of each task, in order. What is granted is in the store before this returns."""
        rows: list[dict[str, object]] = []
        answers = []
        for each in asked:
            answer = each.answer()
            answers.append(answer)
            if answer is Answer.GRANTED and each.bound_usd:
                rows += self._reserve(lease_id, each.task, each.bound_usd, each.purses)
        await self.store.insert("job_spending", rows)
        return answers

    async def settle(self, lease_id: str, costs: Mapping[Task, float | None]) -> None:
        """Put back what these calls did not cost; where the cost is not known the bound stays counted."""
        held = self._reserved.get(lease_id, {})
        rows: list[dict[str, object]] = []
        for task, cost_usd in costs.items():
            for reserved in held.pop(task, ()):
                cost = reserved.bound_usd if cost_usd is None else cost_usd
                reserved.purse.settle(reserved.bound_usd, cost)
                rows += self._row(reserved, cost)
        await self.store.insert("job_spending", rows)

    async def give_back(self, lease_id: str) -> None:
        """Put back what was reserved for calls that were not begun."""
        await self.settle(lease_id, dict.fromkeys(list(self._reserved.get(lease_id, ())), 0.0))
        self._reserved.pop(lease_id, None)

    def keep(self, lease_ids: Collection[str]) -> None:
        """Expect nothing more from other leases: what they reserved may have been paid, and stays counted."""
        for lease_id in self._reserved.keys() - set(lease_ids):
            for reserved in [each for several in self._reserved.pop(lease_id).values() for each in several]:
                reserved.purse.settle(reserved.bound_usd, reserved.bound_usd)

    def _reserve(
        self, lease_id: str, task: Task, bound_usd: float, purses: Sequence[Purse]
    ) -> list[dict[str, object]]:
        made = [_Reservation(purse=purse, call_id=uuid.uuid4().hex, bound_usd=bound_usd) for purse in purses]
        self._reserved.setdefault(lease_id, {})[task] = made
        for each in made:
            each.purse.reserve(bound_usd)
        return [row for each in made for row in self._row(each, bound_usd)]

    def _row(self, reserved: _Reservation, usd: float) -> list[dict[str, object]]:
        """The row of a job's call; a run's calls have none."""
        if not reserved.purse.day:
            return []
        return [
            {
                "Job": reserved.purse.owner,
                "Day": datetime.fromisoformat(reserved.purse.day).date(),
                "CallId": reserved.call_id,
                "Usd": usd,
                "Seq": self.store.next_seq(),
            }
        ]
