"""The runs that are going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from groundtrace_collector.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from groundtrace_collector.jobs.budget import Purse
    from groundtrace_collector.jobs.run import Run

IDLE_S: Final = 60.0
"""A run that nobody has asked about for so long is forgotten; what it decided stays."""


class Runs:
    """Runs by id; ``monotonic`` gives seconds. The caller holds the jobs' lock."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._runs: dict[str, Run] = {}

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def add(self, run: Run) -> None:
        """A run begins."""
        self._runs[run.run_id] = run

    def find(self, run_id: str, project: str | None = None) -> Run:
        """The run that somebody asks about; raises ApiError (404) when ``project`` has no such run."""
        run = self._runs.get(run_id)
        if run is None or project not in {None, run.selection.scope.project}:
            raise ApiError(
                404,
                "run_not_found",
                f"no run {run_id!r} is going on; start it again, it takes up where it was",
            )
        run.asked_at = self._monotonic()
        return run

    def among(self, sources: Collection[str]) -> list[Run]:
        """The runs among the sources of a task."""
        return [self._runs[source] for source in sources if source in self._runs]

    def purses(self, sources: Collection[str]) -> tuple[Purse, ...]:
        """The purses of the runs among the sources of a task."""
        return tuple(run.purse for run in self.among(sources) if run.purse)

    def forget_idle(self) -> list[str]:
        """Drop the runs that nobody asks about any more; gives their ids."""
        idle_since = self._monotonic() - IDLE_S
        idle = [run_id for run_id, run in self._runs.items() if run.asked_at < idle_since]
        for run_id in idle:
            del self._runs[run_id]
        return idle
