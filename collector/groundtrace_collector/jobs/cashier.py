"""Who pays for a task, and what becomes of tasks that nobody can pay for now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtrace_collector.jobs.budget import Answer, Asked, next_day
from groundtrace_collector.jobs.offers import Waiting
from groundtrace_collector.jobs.verdicts import bounded, unaffordable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from groundtrace_collector.jobs.board import Board, Lease, Task
    from groundtrace_collector.jobs.budget import Purse, Treasury
    from groundtrace_collector.jobs.job import Job
    from groundtrace_collector.jobs.ledger import Verdict
    from groundtrace_collector.jobs.protocol import ReserveRequest
    from groundtrace_collector.jobs.roster import Roster
    from groundtrace_collector.jobs.runs import Runs


class Cashier:
    """Reserves for jobs and runs with a budget; ``clock`` is the time of day. The caller holds the jobs' lock."""

    def __init__(
        self, *, treasury: Treasury, board: Board, roster: Roster, runs: Runs, clock: Callable[[], datetime]
    ) -> None:
        self.waiting: dict[str, Waiting] = {}
        """By job, what its budget does not cover until the next day."""
        self._treasury = treasury
        self._board = board
        self._roster = roster
        self._runs = runs
        self._clock = clock

    def is_budgeted(self, task: Task) -> bool:
        """Whether money has to be set aside before the task is begun."""
        job = self._roster.jobs.get(task.job)
        of_run = self._runs.purses(self._board.sources(task))
        return (job is not None and job.day_usd is not None) or bool(of_run)

    async def purse(self, job: Job) -> Purse | None:
        """What a job with a budget has spent today; None without one."""
        return None if job.day_usd is None else await self._treasury.purse(job.name, job.day_usd)

    async def reserve(
        self, lease: Lease, request: ReserveRequest
    ) -> tuple[tuple[bool, ...], Sequence[Verdict]]:
        """Whether each bound is granted, in order, and the verdicts on what no budget can ever cover."""
        held = {task: task for task in lease.tasks}
        bounds = {held[task]: each.most_usd for each in request.bounds if (task := bounded(each)) in held}
        purses = await self._purses({task.job for task in bounds})
        asked = [
            Asked(task=task, bound_usd=usd, purses=self._paying(task, purses)) for task, usd in bounds.items()
        ]
        answers = dict(zip(bounds, await self._treasury.reserve(request.lease, asked), strict=True))
        granted = tuple(answers.get(bounded(each)) is Answer.GRANTED for each in request.bounds)
        return granted, self._refused(asked, answers)

    def end_waits(self) -> list[str]:
        """The jobs whose new day has begun."""
        now = self._clock()
        over = [name for name, waiting in self.waiting.items() if waiting.until <= now]
        for name in over:
            del self.waiting[name]
        return over

    async def _purses(self, jobs: Collection[str]) -> dict[str, Purse]:
        known = self._roster.jobs
        found = {name: await self.purse(known[name]) for name in jobs if name in known}
        return {name: purse for name, purse in found.items() if purse is not None}

    def _paying(self, task: Task, purses: Mapping[str, Purse]) -> tuple[Purse, ...]:
        own = (purses[task.job],) if task.job in purses else ()
        return own + self._runs.purses(self._board.sources(task))

    def _refused(self, asked: Sequence[Asked], answers: Mapping[Task, Answer]) -> list[Verdict]:
        """What no budget of a job can ever cover is decided; the rest waits, and runs end."""
        never: list[Verdict] = []
        for each in asked:
            answer = answers[each.task]
            if answer is Answer.NEVER and (each.bound_usd is None or each.purses[0].day):
                never.append(unaffordable(each))
            elif answer in {Answer.NEVER, Answer.EXHAUSTED}:
                self._let_wait(each)
        return never

    def _let_wait(self, asked: Asked) -> None:
        task = asked.task
        for run in self._runs.among(self._board.sources(task)):
            run.out_of_budget = run.exhausted = True
            self._board.drop(run.run_id)
        if any(purse.day and purse.ask(asked.bound_usd) is Answer.EXHAUSTED for purse in asked.purses):
            waiting = self.waiting.setdefault(task.job, Waiting(until=next_day(self._clock())))
            waiting.evaluators.add(task.evaluator)
            self._board.forget(task.job, waiting.evaluators)
        self._board.finish([task])
