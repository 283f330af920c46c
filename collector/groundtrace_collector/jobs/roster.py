"""The jobs in a collector's memory, as the store has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from groundtrace_collector.jobs.job import JobState
from groundtrace_collector.jobs.table import load_jobs, save_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from groundtrace_collector.jobs.job import Job
    from groundtrace_collector.store.store import Store

RELOAD_S: Final = 30.0
"""Other collectors may share a ClickHouse server; their changes to jobs are seen after this time."""


class Roster:
    """Every job that is not removed, by name; ``monotonic`` gives seconds. The caller holds the jobs' lock."""

    def __init__(self, store: Store, monotonic: Callable[[], float]) -> None:
        self.jobs: dict[str, Job] = {}
        self._store = store
        self._monotonic = monotonic
        self._loaded_at: float | None = None

    async def load(self, *, fresh: bool = False) -> bool:
        """Read the jobs, unless that was done lately; gives whether they were read."""
        now = self._monotonic()
        if not fresh and self._loaded_at is not None and now - self._loaded_at <= RELOAD_S:
            return False
        stored = await load_jobs(self._store)
        self.jobs = {name: _later(job, self.jobs.get(name)) for name, job in stored.items()}
        self._loaded_at = now
        return True

    async def keep(self, job: Job) -> None:
        """Write a job as it stands now; a removed one is known no more."""
        await save_job(self._store, job)
        self.jobs[job.name] = job
        if job.state is JobState.REMOVED:
            del self.jobs[job.name]


def _later(stored: Job, known: Job | None) -> Job:
    """The stored job, with the time of its last look where only the memory has it."""
    if known is None or (known.last_run_at or stored.created_at) <= (stored.last_run_at or stored.created_at):
        return stored
    return replace(stored, last_run_at=known.last_run_at)
