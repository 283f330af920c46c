"""The server's side of the jobs: decides what is due, hands it out, and writes what comes back, once.

Everything that changes who works on what happens under one lock. The ledger in the store is the truth:
what this memory held when the process was killed is found again by comparing traces with it.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from groundtrace_collector.calibrations.book import Book
from groundtrace_collector.errors import ApiError
from groundtrace_collector.jobs.board import Board, Lease
from groundtrace_collector.jobs.budget import Purse, Treasury
from groundtrace_collector.jobs.cases import build_cases
from groundtrace_collector.jobs.cashier import Cashier
from groundtrace_collector.jobs.job import Job, Scope
from groundtrace_collector.jobs.ledger import Verdict, record
from groundtrace_collector.jobs.lookout import Lookout
from groundtrace_collector.jobs.offers import Offers
from groundtrace_collector.jobs.protocol import (
    ClaimReply,
    ClaimRequest,
    ReserveReply,
    ReserveRequest,
    ResultsReply,
    ResultsRequest,
    RunStatus,
)
from groundtrace_collector.jobs.roster import Roster
from groundtrace_collector.jobs.run import Run
from groundtrace_collector.jobs.runs import Runs
from groundtrace_collector.jobs.selection import Window
from groundtrace_collector.jobs.verdicts import given_up, verdicts_of
from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)

LEASE_S: Final = 30.0
"""A lease ends so long after the worker's last word about it."""
IDLE_WAIT_S: Final = 10.0
"""The longest that a worker is told to wait: a new job is taken up within this time."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Dispatcher:
    """Jobs, runs, leases and the ledger of one collector.

    ``clock`` is the time of day, ``monotonic`` the clock of leases (seconds). ``calibrations`` is the book that
    the API writes, so that a new threshold holds at once.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        lease_s: float = LEASE_S,
        calibrations: Book | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._calibrations = calibrations or Book(store, monotonic=monotonic)
        self._offers = Offers(monotonic)
        self._board = Board(clock=monotonic, new_id=lambda: uuid.uuid4().hex, lease_s=lease_s)
        self._roster = Roster(store, monotonic)
        self._runs = Runs(monotonic)
        self._treasury = Treasury(store, clock)
        self.lookout = Lookout(
            store, board=self._board, roster=self._roster, offers=self._offers, clock=clock
        )
        self.cashier = Cashier(
            treasury=self._treasury, board=self._board, roster=self._roster, runs=self._runs, clock=clock
        )

    # --- jobs ----------------------------------------------------------------------------------------------

    async def jobs(self) -> list[Job]:
        """Every job that is not removed, by name."""
        async with self._lock:
            await self._load()
            return [self._roster.jobs[name] for name in sorted(self._roster.jobs)]

    async def save(self, name: str, change: Callable[[Job | None], Job]) -> Job:
        """Replace a job by what ``change`` makes of it (None: there is none yet) and keep it."""
        async with self._lock:
            await self._load(fresh=True)
            job = change(self._roster.jobs.get(name))
            await self._roster.keep(job)
            self.lookout.forget(name)
            self.cashier.waiting.pop(name, None)
            return job

    def new_job_cursor(self) -> int:
        """Where a new job starts: it scores what comes from now on, and a run the rest."""
        return self._store.next_seq()

    def offered(self) -> Mapping[str, str]:
        """Versions of the evaluators that only workers have."""
        return self._offers.versions()

    async def purse(self, job: Job) -> Purse | None:
        """What a job with a budget has spent today; None without one."""
        async with self._lock:
            purse = await self.cashier.purse(job)
            return None if purse is None else replace(purse)

    # --- runs ----------------------------------------------------------------------------------------------

    async def start_run(
        self,
        scope: Scope,
        *,
        job: str,
        since_ns: int | None,
        until_ns: int | None,
        budget_usd: float | None = None,
        configured: Mapping[str, str] = _NONE,
    ) -> RunStatus:
        """Begin to score everything that is stored now and that the ledger lacks.

        A trace with a root is taken at once, without the wait that a schedule keeps.
        """
        selection = await self.lookout.selection(scope, job=job, configured=configured)
        window = Window(until_seq=self._store.next_seq(), root_wait_s=0, since_ns=since_ns, until_ns=until_ns)
        async with self._lock:
            run_id = f"run-{uuid.uuid4().hex}"
            run = Run(
                run_id=run_id,
                selection=selection,
                window=window,
                backlog=await selection.backlog(self._store, window),
                asked_at=self._monotonic(),
                purse=None if budget_usd is None else Purse(owner=run_id, limit_usd=budget_usd),
            )
            self._runs.add(run)
            await self.lookout.refill(run)
            return self._status(run)

    async def run_status(self, run_id: str, *, project: str | None = None) -> RunStatus:
        """How far a run is; raises ApiError (404) when it is not, or no longer, known in ``project``."""
        async with self._lock:
            return self._status(self._runs.find(run_id, project))

    # --- work ----------------------------------------------------------------------------------------------

    async def claim(self, request: ClaimRequest, *, project: str | None = None) -> ClaimReply:
        """Cases for a worker, or how long to wait for some.

        A worker that reaches only one ``project`` works on runs of it; raises ApiError 403 otherwise.
        """
        if project is not None and request.run is None:
            raise ApiError(403, "forbidden", f"a key of project {project!r} works on runs, not on every job")
        async with self._lock:
            run = None if request.run is None else self._runs.find(request.run, project)
            if project is None:
                self._offers.heard(request.configured)
            await self._load()
            await self._take_back()
            lease = self._take(request)
            if lease is None:
                await self._look(run)
                lease = self._take(request)
            if lease is None:
                return self._nothing(run, request)
        return await self._hand_out(lease, run)

    async def results(self, request: ResultsRequest, *, project: str | None = None) -> ResultsReply:
        """Write what a worker found out, save what others decided meanwhile.

        A lease on traces of another than ``project`` is as one that ran out.
        """
        async with self._lock:
            lease = self._held(request.lease, project)
            if lease is None:
                return ResultsReply(accepted=0, dropped=len(request.results), lease_lost=True)
            verdicts = verdicts_of(lease, request, await self._calibrations.read())
            accepted = await self._record(verdicts)
            costs = {verdict.task: verdict.score.cost_usd for verdict in verdicts}
            await self._treasury.settle(request.lease, costs)
            if request.done:
                self._board.release(request.lease)
                await self._treasury.give_back(request.lease)
            return ResultsReply(accepted=accepted, dropped=len(request.results) - accepted)

    async def reserve(self, request: ReserveRequest, *, project: str | None = None) -> ReserveReply:
        """Set aside what a lease's cases can cost, and say which of them may be made.

        What its budget does not cover stays undecided; what it never can is decided here.
        """
        async with self._lock:
            lease = self._held(request.lease, project)
            if lease is None:
                return ReserveReply(lease_lost=True)
            granted, never = await self.cashier.reserve(lease, request)
            if never:
                await self._record(never)
            return ReserveReply(granted=granted)

    # --- under the lock ------------------------------------------------------------------------------------

    def _held(self, lease_id: str, project: str | None) -> Lease | None:
        """The lease, renewed; None when it ran out or is on traces of another than ``project``."""
        lease = self._board.renew(lease_id)
        if lease is None or not all(project in {None, task.project} for task in lease.tasks):
            return None
        return lease

    def _take(self, request: ClaimRequest) -> Lease | None:
        return self._board.take(request.limit, versions=request.evaluators, source=request.run)

    async def _hand_out(self, lease: Lease, run: Run | None) -> ClaimReply:
        try:
            cases = await build_cases(self._store, list(lease.tasks))
        except BaseException:
            self._board.release(lease.lease_id)
            raise
        # A trace that has changed, or gone, since it was queued is found again when it is due.
        held = {(case.project, case.trace_id, case.input_hash) for case in cases}
        stale = [task for task in lease.tasks if (task.project, task.trace_id, task.input_hash) not in held]
        self._board.finish(stale)
        return ClaimReply(
            lease=lease.lease_id if cases else None,
            lease_s=self._board.lease_s,
            cases=tuple(cases),
            budgeted=any(self.cashier.is_budgeted(task) for task in lease.tasks),
            run=self._status(run) if run else None,
        )

    async def _record(self, verdicts: Sequence[Verdict]) -> int:
        fresh = await record(self._store, verdicts, now=self._clock())
        sources = self._board.finish([verdict.task for verdict in verdicts])
        for verdict in fresh:
            for run in self._runs.among(sources[verdict.task]):
                run.decided[verdict.score.status.value] += 1
        return len(fresh)

    async def _take_back(self) -> None:
        self.lookout.unfinished.update(self.cashier.end_waits())
        lost = self._board.expire()
        self._treasury.keep(self._board.leases())
        if lost:
            logger.error("%d evaluations are given up: no worker that took them came back", len(lost))
            await self._record([given_up(task) for task in lost])

    async def _look(self, run: Run | None) -> None:
        """Find due work: for this run, or for every run and job whose queue is empty."""
        for run_id in self._runs.forget_idle():
            self._board.drop(run_id)
        for each in [run] if run else self._runs:
            await self.lookout.refill(each)
        if run is None:
            await self.lookout.look(self.cashier.waiting)

    async def _load(self, *, fresh: bool = False) -> None:
        if await self._roster.load(fresh=fresh):
            self._board.keep({*self._roster.jobs, *(run.run_id for run in self._runs)})

    def _nothing(self, run: Run | None, request: ClaimRequest) -> ClaimReply:
        if run is None:
            return ClaimReply(wait_s=self._idle_s())
        if self._board.queued(run.run_id):
            raise ApiError(409, "other_versions", _other_versions(run.selection.versions, request.evaluators))
        return ClaimReply(wait_s=0.5, run=self._status(run))

    def _idle_s(self) -> float:
        now = self._clock()
        times = [job.next_run_at() for job in self._roster.jobs.values()]
        waits = [IDLE_WAIT_S, *((at - now).total_seconds() for at in times if at is not None)]
        expiry_s = self._board.next_expiry_s()
        return max(0.2, min(waits if expiry_s is None else [*waits, expiry_s]))

    def _status(self, run: Run) -> RunStatus:
        return run.status(open_tasks=self._board.open(run.run_id))


def _other_versions(wanted: Mapping[str, str], held: Mapping[str, str]) -> str:
    differing = [f"{name} {version}" for name, version in wanted.items() if held.get(name) != version]
    return f"the collector asks for {', '.join(differing)}, which is not here: use the collector's release"
