"""The server's side of the jobs: decides what is due, hands it out, and writes what comes back, once.

Everything that changes who works on what happens under one lock. The ledger in the store is the truth:
what this memory held when the process was killed is found again by comparing traces with it.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from groundtrace_collector.calibrations.book import Book
from groundtrace_collector.errors import ApiError, GroundtraceError
from groundtrace_collector.jobs.board import Board, Lease, Task
from groundtrace_collector.jobs.budget import Answer, Asked, Purse, Treasury, next_day
from groundtrace_collector.jobs.cases import build_cases
from groundtrace_collector.jobs.catalog import versions_of
from groundtrace_collector.jobs.job import Job, JobState, Scope
from groundtrace_collector.jobs.ledger import Verdict, record
from groundtrace_collector.jobs.offers import Offers, Waiting
from groundtrace_collector.jobs.protocol import (
    ClaimReply,
    ClaimRequest,
    ReserveReply,
    ReserveRequest,
    ResultsReply,
    ResultsRequest,
    RunStatus,
)
from groundtrace_collector.jobs.run import IDLE_S, Run
from groundtrace_collector.jobs.selection import Selection, Window
from groundtrace_collector.jobs.table import load_jobs, save_job
from groundtrace_collector.jobs.verdicts import bounded, given_up, unaffordable, verdicts_of
from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)

LEASE_S: Final = 30.0
"""A lease ends so long after the worker's last word about it."""
TRACES_PER_LOOK: Final = 20_000
"""Traces whose tasks are queued at a time; what is left is looked up when they are done."""
IDLE_WAIT_S: Final = 10.0
"""The longest that a worker is told to wait: a new job is taken up within this time."""
RELOAD_S: Final = 30.0
"""Other collectors may share a ClickHouse server; their changes to jobs are seen after this time."""


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
        self._calibrations = calibrations or Book(store, monotonic=monotonic)
        self._clock = clock
        self._monotonic = monotonic
        self._board = Board(clock=monotonic, new_id=lambda: uuid.uuid4().hex, lease_s=lease_s)
        self._lock = asyncio.Lock()
        self._jobs: dict[str, Job] = {}
        self._loaded_at: float | None = None
        self._runs: dict[str, Run] = {}
        self._unfinished_looks: set[str] = set()
        self._treasury = Treasury(store, clock)
        self._offers = Offers(monotonic)
        self.waiting: dict[str, Waiting] = {}
        """By job, what its budget does not cover until the next day."""
        self.faults: dict[str, str] = {}
        """By job, why its last look for due traces failed."""

    # --- jobs ----------------------------------------------------------------------------------------------

    async def jobs(self) -> list[Job]:
        """Every job that is not removed, by name."""
        async with self._lock:
            await self._load()
            return [self._jobs[name] for name in sorted(self._jobs)]

    async def save(self, name: str, change: Callable[[Job | None], Job]) -> Job:
        """Replace a job by what ``change`` makes of it (None: there is none yet) and keep it."""
        async with self._lock:
            await self._load(fresh=True)
            job = change(self._jobs.get(name))
            await save_job(self._store, job)
            self._board.drop(name)
            self._unfinished_looks.discard(name)
            self.faults.pop(name, None)
            self.waiting.pop(name, None)
            self._jobs[name] = job
            if job.state is JobState.REMOVED:
                del self._jobs[name]
            return job

    def new_job_cursor(self) -> int:
        """Where a new job starts: it scores what comes from now on, and a run the rest."""
        return self._store.next_seq()

    def offered(self) -> Mapping[str, str]:
        """Versions of the evaluators that only workers have."""
        return self._offers.versions()

    def selection(self, scope: Scope, *, job: str = "", configured: Mapping[str, str] = _NONE) -> Selection:
        """The traces and evaluators of a scope; raises ApiError (400) for an unknown evaluator.

        ``configured`` are evaluators of whoever asks, beside those that workers offer.
        """
        versions = versions_of(scope.evaluators, {**self.offered(), **configured})
        return Selection(scope=scope, versions=versions, clock=self._clock, job=job)

    async def purse(self, job: Job) -> Purse | None:
        """What a job with a budget has spent today; None without one."""
        if job.day_usd is None:
            return None
        async with self._lock:
            return replace(await self._treasury.purse(job.name, job.day_usd))

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
        selection = self.selection(scope, job=job, configured=configured)
        window = Window(until_seq=self._store.next_seq(), root_wait_s=0, since_ns=since_ns, until_ns=until_ns)
        async with self._lock:
            backlog = await selection.backlog(self._store, window)
            run = Run(
                run_id=f"run-{uuid.uuid4().hex}",
                selection=selection,
                window=window,
                backlog=backlog,
                asked_at=self._monotonic(),
            )
            if budget_usd is not None:
                run.purse = Purse(owner=run.run_id, limit_usd=budget_usd)
            self._runs[run.run_id] = run
            await self._refill(run)
            return self._status(run)

    async def run_status(self, run_id: str, *, project: str | None = None) -> RunStatus:
        """How far a run is; raises ApiError (404) when it is not, or no longer, known in ``project``."""
        async with self._lock:
            return self._status(self._run(run_id, project))

    # --- work ----------------------------------------------------------------------------------------------

    async def claim(self, request: ClaimRequest, *, project: str | None = None) -> ClaimReply:
        """Cases for a worker, or how long to wait for some.

        A worker that reaches only one ``project`` works on runs of it; raises ApiError 403 otherwise.
        """
        if project is not None and request.run is None:
            raise ApiError(403, "forbidden", f"a key of project {project!r} works on runs, not on every job")
        async with self._lock:
            run = None if request.run is None else self._run(request.run, project)
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
            lease = self._board.renew(request.lease)
            if lease is None or not all(project in {None, task.project} for task in lease.tasks):
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
            lease = self._board.renew(request.lease)
            if lease is None or not all(project in {None, task.project} for task in lease.tasks):
                return ReserveReply(lease_lost=True)
            held = {task: task for task in lease.tasks}
            bounds = {held[task]: each.most_usd for each in request.bounds if (task := bounded(each)) in held}
            purses = await self._purses({task.job for task in bounds})
            asked = [
                Asked(task=task, bound_usd=usd, purses=self._paying(task, purses))
                for task, usd in bounds.items()
            ]
            answers = dict(zip(bounds, await self._treasury.reserve(request.lease, asked), strict=True))
            await self._refuse(asked, answers)
            return ReserveReply(
                granted=tuple(answers.get(bounded(each)) is Answer.GRANTED for each in request.bounds)
            )

    # --- under the lock ------------------------------------------------------------------------------------

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
            budgeted=any(self._is_budgeted(task) for task in lease.tasks),
            run=self._status(run) if run else None,
        )

    async def _record(self, verdicts: Sequence[Verdict]) -> int:
        fresh = await record(self._store, verdicts, now=self._clock())
        sources = self._board.finish([verdict.task for verdict in verdicts])
        for verdict in fresh:
            for run_id in sources[verdict.task] & self._runs.keys():
                self._runs[run_id].decided[verdict.score.status.value] += 1
        return len(fresh)

    def _is_budgeted(self, task: Task) -> bool:
        job = self._jobs.get(task.job)
        return (job is not None and job.day_usd is not None) or bool(self._run_purses(task))

    def _run_purses(self, task: Task) -> tuple[Purse, ...]:
        runs = (self._runs[source] for source in self._board.sources(task) & self._runs.keys())
        return tuple(run.purse for run in runs if run.purse)

    async def _purses(self, jobs: Collection[str]) -> dict[str, Purse]:
        found = {}
        for name in jobs & self._jobs.keys():
            limit_usd = self._jobs[name].day_usd
            if limit_usd is not None:
                found[name] = await self._treasury.purse(name, limit_usd)
        return found

    def _paying(self, task: Task, purses: Mapping[str, Purse]) -> tuple[Purse, ...]:
        own = (purses[task.job],) if task.job in purses else ()
        return own + self._run_purses(task)

    async def _refuse(self, asked: Sequence[Asked], answers: Mapping[Task, Answer]) -> None:
        """What no budget of a job can ever cover is decided; the rest waits, and runs end."""
        never: list[Verdict] = []
        for each in asked:
            answer = answers[each.task]
            if answer is Answer.NEVER and (each.bound_usd is None or each.purses[0].day):
                never.append(unaffordable(each))
            elif answer in {Answer.NEVER, Answer.EXHAUSTED}:
                self._let_wait(each)
        if never:
            await self._record(never)

    def _let_wait(self, asked: Asked) -> None:
        task = asked.task
        for run_id in self._board.sources(task) & self._runs.keys():
            self._runs[run_id].out_of_budget = self._runs[run_id].exhausted = True
            self._board.drop(run_id)
        if any(purse.day and purse.ask(asked.bound_usd) is Answer.EXHAUSTED for purse in asked.purses):
            waiting = self.waiting.setdefault(task.job, Waiting(until=next_day(self._clock())))
            waiting.evaluators.add(task.evaluator)
            self._board.forget(task.job, waiting.evaluators)
        self._board.finish([task])

    def _end_waits(self) -> None:
        now = self._clock()
        for name in [name for name, waiting in self.waiting.items() if waiting.until <= now]:
            del self.waiting[name]
            self._unfinished_looks.add(name)

    async def _take_back(self) -> None:
        self._end_waits()
        lost = self._board.expire()
        self._treasury.keep(self._board.leases())
        if lost:
            logger.error("%d evaluations are given up: no worker that took them came back", len(lost))
            await self._record([given_up(task) for task in lost])

    async def _look(self, run: Run | None) -> None:
        """Find due work: for this run, or for every run and job whose queue is empty."""
        self._forget_idle_runs()
        for each in [run] if run else list(self._runs.values()):
            await self._refill(each)
        if run is None:
            for job in list(self._jobs.values()):
                if self._board.queued(job.name) == 0 and self._is_due(job):
                    await self._look_for(job)

    async def _refill(self, run: Run) -> None:
        if not run.exhausted and self._board.open(run.run_id) == 0:
            tasks = await run.selection.due(self._store, run.window, traces=TRACES_PER_LOOK)
            self._board.offer(run.run_id, tasks)
            run.exhausted = not tasks

    def _is_due(self, job: Job) -> bool:
        next_run_at = job.next_run_at()
        if next_run_at is None:
            return False
        return job.name in self._unfinished_looks or next_run_at <= self._clock()

    async def _look_for(self, job: Job) -> None:
        """Queue what is due for a job and move its cursor up to what is decided."""
        self._unfinished_looks.discard(job.name)
        try:
            selection = self.selection(job.spec, job=job.name)
            window = selection.window_above(job.cursor)
            # Before the tasks are read: what settles in between may lie below a frontier read after them.
            backlog = await selection.backlog(self._store, window)
            waiting = self.waiting.get(job.name)
            able = selection.without(waiting.evaluators) if waiting else selection
            tasks = await able.due(self._store, window, traces=TRACES_PER_LOOK) if able.versions else []
        except GroundtraceError as exc:
            logger.warning("job %s cannot look for traces: %s", job.name, exc)
            self.faults[job.name] = str(exc)
            self._jobs[job.name] = replace(job, last_run_at=self._clock())
            return
        self.faults.pop(job.name, None)
        self._board.offer(job.name, tasks)
        if backlog.due_traces > TRACES_PER_LOOK and tasks:
            self._unfinished_looks.add(job.name)
        looked = replace(job, cursor=max(job.cursor, backlog.frontier), last_run_at=self._clock())
        self._jobs[job.name] = looked
        if looked.cursor > job.cursor:
            await save_job(self._store, looked)

    async def _load(self, *, fresh: bool = False) -> None:
        now = self._monotonic()
        if fresh or self._loaded_at is None or now - self._loaded_at > RELOAD_S:
            stored = await load_jobs(self._store)
            for name, job in stored.items():
                known = self._jobs.get(name)
                if known is not None and (known.last_run_at or job.created_at) > (
                    job.last_run_at or job.created_at
                ):
                    stored[name] = replace(job, last_run_at=known.last_run_at)
            self._jobs = stored
            self._loaded_at = now
            self._board.keep({*stored, *self._runs})

    def _nothing(self, run: Run | None, request: ClaimRequest) -> ClaimReply:
        if run is None:
            return ClaimReply(wait_s=self._idle_s())
        if self._board.queued(run.run_id):
            raise ApiError(409, "other_versions", _other_versions(run.selection.versions, request.evaluators))
        return ClaimReply(wait_s=0.5, run=self._status(run))

    def _idle_s(self) -> float:
        now = self._clock()
        waits = [IDLE_WAIT_S]
        for job in self._jobs.values():
            next_run_at = job.next_run_at()
            if next_run_at is not None:
                waits.append((next_run_at - now).total_seconds())
        expiry_s = self._board.next_expiry_s()
        if expiry_s is not None:
            waits.append(expiry_s)
        return max(0.2, min(waits))

    def _run(self, run_id: str, project: str | None = None) -> Run:
        run = self._runs.get(run_id)
        if run is None or project not in {None, run.selection.scope.project}:
            raise ApiError(
                404,
                "run_not_found",
                f"no run {run_id!r} is going on; start it again, it takes up where it was",
            )
        run.asked_at = self._monotonic()
        return run

    def _status(self, run: Run) -> RunStatus:
        return run.status(open_tasks=self._board.open(run.run_id))

    def _forget_idle_runs(self) -> None:
        idle_since = self._monotonic() - IDLE_S
        for run_id in [run_id for run_id, run in self._runs.items() if run.asked_at < idle_since]:
            self._board.drop(run_id)
            del self._runs[run_id]


def _other_versions(wanted: Mapping[str, str], held: Mapping[str, str]) -> str:
    differing = [f"{name} {version}" for name, version in wanted.items() if held.get(name) != version]
    return f"the collector asks for {', '.join(differing)}, which is not here: use the collector's release"
