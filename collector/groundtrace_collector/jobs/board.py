"""Who works on what: queued tasks and the leases on them, in memory, without I/O.

A task is queued any number of times (by a job, by runs), is leased to one worker at a time and is
finished once. What is lost with this memory is found again by comparing the traces with the ledger.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

ALONE_AFTER: Final = 2
"""A task whose leases ran out so often is leased by itself, so that it takes no others down with it."""

GIVEN_UP_AFTER: Final = 4
"""A task that so many workers did not survive is decided as an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One evaluator over one trace with these inputs. ``job`` is '' for a one-off evaluation."""

    project: str
    trace_id: str
    input_hash: int
    evaluator: str
    version: str
    job: str = field(default="", compare=False)


@dataclass(slots=True, kw_only=True)
class Lease:
    """Tasks in the hands of one worker until ``expires_at`` (seconds of the board's clock)."""

    lease_id: str
    tasks: dict[Task, None]
    expires_at: float


@dataclass(slots=True)
class Board:
    """Queues by source (a job's or a run's name) and the leases on what was taken from them.

    ``clock`` gives seconds that never go back; ``new_id`` an id that was never given before.
    """

    clock: Callable[[], float]
    new_id: Callable[[], str]
    lease_s: float
    _queues: dict[str, dict[Task, None]] = field(default_factory=dict)
    _leases: dict[str, Lease] = field(default_factory=dict)
    _leased: dict[Task, str] = field(default_factory=dict)
    _sources: dict[Task, set[str]] = field(default_factory=dict)  # of each leased task
    _lost: Counter[Task] = field(default_factory=Counter)

    def offer(self, source: str, tasks: Iterable[Task]) -> None:
        """Queue the tasks. One that is queued keeps its place; a leased one counts for ``source`` too."""
        queue = self._queues.setdefault(source, {})
        for task in tasks:
            if task in self._leased:
                self._sources[task].add(source)
            else:
                queue.setdefault(task)

    def take(self, limit: int, *, versions: Mapping[str, str], source: str | None = None) -> Lease | None:
        """Lease up to ``limit`` tasks, oldest first, from one source or from all; None when there are none.

        ``versions`` are the evaluators that the worker has; tasks for others stay queued. The sources take
        turns at being first, so that a long backfill holds no job back.
        """
        chosen = self._choose(limit, versions, list(self._queues) if source is None else [source])
        if not chosen:
            return None
        lease = Lease(
            lease_id=self.new_id(), tasks=dict.fromkeys(chosen), expires_at=self.clock() + self.lease_s
        )
        self._leases[lease.lease_id] = lease
        for task in chosen:
            self._leased[task] = lease.lease_id
            self._sources[task] = {name for name, queue in self._queues.items() if task in queue}
            for name in self._sources[task]:
                del self._queues[name][task]
        first = next(iter(self._queues))
        self._queues[first] = self._queues.pop(first)
        return lease

    def renew(self, lease_id: str) -> Lease | None:
        """The lease with its full time before it again, or None when it is not, or no longer, known."""
        lease = self._leases.get(lease_id)
        if lease is not None:
            lease.expires_at = self.clock() + self.lease_s
        return lease

    def finish(self, tasks: Iterable[Task]) -> dict[Task, frozenset[str]]:
        """Take decided tasks out of their leases and queues; gives the sources that asked for each."""
        return {task: self._finish(task) for task in list(tasks)}

    def release(self, lease_id: str) -> None:
        """Give back what a worker leaves undone; it goes to the front of its queues."""
        lease = self._leases.get(lease_id)
        if lease is not None:
            for source, tasks in self._unlease(list(lease.tasks)).items():
                self._queues[source] = tasks | self._queues[source]

    def expire(self) -> list[Task]:
        """Take back the leases whose time is over; gives the tasks that were lost too often.

        Lost tasks go to the back of their queues. Those given back are leased no more and the caller
        must finish them.
        """
        now = self.clock()
        given_up: list[Task] = []
        for lease in [lease for lease in self._leases.values() if lease.expires_at <= now]:
            tasks = list(lease.tasks)
            self._lost.update(tasks)
            given_up += [task for task in tasks if self._lost[task] >= GIVEN_UP_AFTER]
            for source, lost in self._unlease(tasks).items():
                self._queues[source] |= lost
        return given_up

    def drop(self, source: str) -> None:
        """Forget a source's queue; what is leased from it may still be finished."""
        self._queues.pop(source, None)

    def keep(self, sources: Collection[str]) -> None:
        """Forget the queues of all other sources."""
        for source in set(self._queues) - set(sources):
            self.drop(source)

    def open(self, source: str) -> int:
        """How many of a source's tasks are queued or leased."""
        return self.queued(source) + sum(source in sources for sources in self._sources.values())

    def queued(self, source: str) -> int:
        """How many tasks of a source wait for a worker."""
        return len(self._queues.get(source, ()))

    def forget(self, source: str, evaluators: Collection[str]) -> None:
        """Take the tasks of these evaluators out of a source's queue."""
        queue = self._queues.get(source, {})
        for task in [task for task in queue if task.evaluator in evaluators]:
            del queue[task]

    def sources(self, task: Task) -> frozenset[str]:
        """Who asked for a leased task."""
        return frozenset(self._sources.get(task, ()))

    def leases(self) -> frozenset[str]:
        """The ids of all leases."""
        return frozenset(self._leases)

    def next_expiry_s(self) -> float | None:
        """Seconds until the first lease runs out, or None when nothing is leased."""
        if not self._leases:
            return None
        return max(0.0, min(lease.expires_at for lease in self._leases.values()) - self.clock())

    def _choose(self, limit: int, versions: Mapping[str, str], sources: list[str]) -> dict[Task, None]:
        chosen: dict[Task, None] = {}
        for source in sources:
            for task in self._queues.get(source, ()):
                if len(chosen) >= limit:
                    return chosen
                if versions.get(task.evaluator) != task.version:
                    continue
                if self._lost[task] >= ALONE_AFTER:
                    return chosen or {task: None}
                chosen[task] = None
        return chosen

    def _finish(self, task: Task) -> frozenset[str]:
        sources = set(self._sources.get(task, ()))
        for name, queue in self._queues.items():
            if task in queue:
                del queue[task]
                sources.add(name)
        self._forget(task)
        self._lost.pop(task, None)
        return frozenset(sources)

    def _unlease(self, tasks: list[Task]) -> dict[str, dict[Task, None]]:
        """End the leases on these tasks; gives them by source, save sources that are gone."""
        by_source: dict[str, dict[Task, None]] = {}
        for task in tasks:
            for source in self._sources[task] & self._queues.keys():
                by_source.setdefault(source, {})[task] = None
            self._forget(task)
        return by_source

    def _forget(self, task: Task) -> None:
        self._sources.pop(task, None)
        lease = self._leases.get(self._leased.pop(task, ""))
        if lease is not None:
            del lease.tasks[task]
            if not lease.tasks:
                del self._leases[lease.lease_id]
