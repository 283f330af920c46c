"""Looks for due traces and queues what evaluators lack of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from groundtrace_collector.errors import GroundtraceError
from groundtrace_collector.jobs.catalog import versions_of
from groundtrace_collector.jobs.selection import Selection
from groundtrace_collector.query.saved import narrowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from groundtrace_collector.jobs.board import Board
    from groundtrace_collector.jobs.job import Job, Scope
    from groundtrace_collector.jobs.offers import Offers, Waiting
    from groundtrace_collector.jobs.roster import Roster
    from groundtrace_collector.jobs.run import Run
    from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)

TRACES_PER_LOOK: Final = 20_000
"""Traces whose tasks are queued at a time; what is left is looked up when they are done."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Lookout:
    """Fills the queues of jobs and runs; ``clock`` is the time of day. The caller holds the jobs' lock."""

    def __init__(
        self, store: Store, *, board: Board, roster: Roster, offers: Offers, clock: Callable[[], datetime]
    ) -> None:
        self.faults: dict[str, str] = {}
        """By job, why its last look failed."""
        self.unfinished: set[str] = set()
        """Jobs that have more to queue than one look took, or again what their budget did not cover."""
        self._store = store
        self._board = board
        self._roster = roster
        self._offers = offers
        self._clock = clock

    async def selection(
        self, scope: Scope, *, job: str = "", configured: Mapping[str, str] = _NONE
    ) -> Selection:
        """The traces and evaluators of a scope, its saved cohort as that stands now.

        Raises ApiError (400) for an unknown evaluator, QueryError for a cohort that is not there (any more).
        ``configured`` are evaluators of whoever asks, beside those that workers offer.
        """
        versions = versions_of(scope.evaluators, {**self._offers.versions(), **configured})
        where = await narrowed(self._store, scope.where, scope.cohort, project=scope.cohorts_of)
        stated = scope.model_copy(update={"where": where, "cohort": None})
        return Selection(scope=stated, versions=versions, clock=self._clock, job=job)

    async def refill(self, run: Run) -> None:
        """Queue more of a run when nothing of it is queued or leased."""
        if not run.exhausted and self._board.open(run.run_id) == 0:
            tasks = await run.selection.due(self._store, run.window, traces=TRACES_PER_LOOK)
            self._board.offer(run.run_id, tasks)
            run.exhausted = not tasks

    async def look(self, waiting: Mapping[str, Waiting]) -> None:
        """Look for every job that is due and has nothing queued; not for what waits for its budget."""
        for job in list(self._roster.jobs.values()):
            if self._board.queued(job.name) == 0 and self._is_due(job):
                await self._look_for(job, waiting.get(job.name))

    def forget(self, job: str) -> None:
        """Begin anew with a job that has changed."""
        self._board.drop(job)
        self.unfinished.discard(job)
        self.faults.pop(job, None)

    def _is_due(self, job: Job) -> bool:
        next_run_at = job.next_run_at()
        if next_run_at is None:
            return False
        return job.name in self.unfinished or next_run_at <= self._clock()

    async def _look_for(self, job: Job, waiting: Waiting | None) -> None:
        """Queue what is due for a job and move its cursor up to what is decided."""
        self.unfinished.discard(job.name)
        try:
            frontier = await self._queue(job, waiting)
        except GroundtraceError as exc:
            logger.warning("job %s cannot look for traces: %s", job.name, exc)
            self.faults[job.name] = str(exc)
            self._roster.jobs[job.name] = replace(job, last_run_at=self._clock())
            return
        self.faults.pop(job.name, None)
        looked = replace(job, cursor=max(job.cursor, frontier), last_run_at=self._clock())
        self._roster.jobs[job.name] = looked
        if looked.cursor > job.cursor:
            await self._roster.keep(looked)

    async def _queue(self, job: Job, waiting: Waiting | None) -> int:
        """Queue what is due; gives the sequence up to which everything is decided."""
        selection = await self.selection(job.spec, job=job.name)
        window = selection.window_above(job.cursor)
        # Before the tasks are read: what settles in between may lie below a frontier read after them.
        backlog = await selection.backlog(self._store, window)
        able = selection.without(waiting.evaluators) if waiting else selection
        tasks = await able.due(self._store, window, traces=TRACES_PER_LOOK) if able.versions else []
        self._board.offer(job.name, tasks)
        if backlog.due_traces > TRACES_PER_LOOK and tasks:
            self.unfinished.add(job.name)
        return backlog.frontier
