"""What is due: traces in a scope that the ledger lacks, by SQL over `traces` and `ledger`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from groundtrace_collector.jobs.board import Task
from groundtrace_collector.jobs.job import INTERNAL_PROJECT, Scope
from groundtrace_collector.query import where
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

ROOT_WAIT_S: Final = 10
"""A trace with a root is due so long after its last span arrived."""
NO_ROOT_WAIT_S: Final = 300
"""A trace without a root is due so long after its last span arrived."""
REREAD_US: Final = 60_000_000
"""How far below its cursor a job reads again: settling takes its sequence some time before its rows show."""
REREAD_SCORED_US: Final = 86_400_000_000
"""The same where the condition is about scores or feedback, which come after the trace."""
MAX_SEQ: Final = 2**64 - 1

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The traces to look at, and how long one has to be silent.

    Those settled after ``from_seq`` whose last commit is at or before ``until_seq``: both are numbers of the
    server sequence. A commit that is stored late (its segment was replayed) is settled late as well, so what
    a job has read up to is a matter of settling.
    """

    from_seq: int = 0
    until_seq: int = MAX_SEQ
    root_wait_s: int = ROOT_WAIT_S
    since_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Undecided traces of a scope: due ones, and those that may still get spans."""

    due_traces: int
    due_tasks: int
    waiting_traces: int
    oldest_s: float
    """How long ago the last span of the longest waiting due trace arrived."""
    frontier: int
    """Everything settled up to this sequence is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A scope, the versions of its evaluators, and the traces that are due in it."""

    scope: Scope
    versions: Mapping[str, str]
    clock: Callable[[], datetime]
    job: str = ""

    async def due(self, store: Store, window: Window, *, traces: int) -> list[Task]:
        """The tasks of up to ``traces`` due traces, oldest commit first, those of a trace side by side.

        Raises WhereError for a wrong where-expression.
        """
        text, parameters = self._statement("due", window)
        rows = await store.query(text, parameters | {"traces": traces})
        return [task for row in rows for task in self._tasks(row)]

    async def backlog(self, store: Store, window: Window) -> Backlog:
        """How much is undecided, and the sequence up to which nothing is; raises WhereError."""
        text, parameters = self._statement("backlog", window)
        (row,) = await store.query(text, parameters)
        first = row["FirstUndecided"]
        return Backlog(
            due_traces=row["DueTraces"],
            due_tasks=row["DueTasks"],
            waiting_traces=row["WaitingTraces"],
            oldest_s=row["OldestS"],
            frontier=row["Newest"] if first is None else first - 1,
        )

    def without(self, evaluators: Collection[str]) -> "Selection":
        """The same traces, and what the other evaluators lack of them."""
        kept = {name: version for name, version in self.versions.items() if name not in evaluators}
        return replace(self, versions=kept)

    def window_above(self, cursor: int) -> Window:
        """What a job reads whose cursor stands at this sequence."""
        reread_us = REREAD_SCORED_US if self._names() & {"score", "feedback"} else REREAD_US
        return Window(from_seq=max(0, cursor - reread_us))

    def _names(self) -> frozenset[str]:
        texts = filter(None, (self.scope.where, self.scope.always))
        return frozenset().union(*(where.compile_where(text).names for text in texts))

    def _tasks(self, row: Row) -> list[Task]:
        return [
            Task(
                project=row["Project"],
                trace_id=row["TraceId"],
                input_hash=row["InputHash"],
                evaluator=name,
                version=self.versions[name],
                job=self.job,
            )
            for name in row["Evaluators"]
        ]

    def _statement(self, name: str, window: Window) -> tuple[str, dict[str, object]]:
        now = self.clock()
        conditions, parameters = _conditions(self.scope, window, now)
        undecided = statement(__package__, "undecided").replace("/*CONDITIONS*/", conditions)
        return statement(__package__, name).replace("/*UNDECIDED*/", undecided), parameters | {
            "names": list(self.versions),
            "versions": list(self.versions.values()),
            "now_ms": int(now.timestamp() * 1000),
            "from_seq": window.from_seq,
            "until_seq": window.until_seq,
            "root_wait_s": window.root_wait_s,
            "no_root_wait_s": NO_ROOT_WAIT_S,
            "internal_project": INTERNAL_PROJECT,
        }


def _conditions(scope: Scope, window: Window, now: datetime) -> tuple[str, dict[str, object]]:
    """What limits a scope beside its window, as SQL over columns of `traces` with its bound values."""
    conditions = ["1"]
    parameters: dict[str, object] = {}
    if scope.project is not None:
        conditions.append("Project = {project:String}")
        parameters["project"] = scope.project
    for name, comparison, bound_ns in (("since", ">=", window.since_ns), ("until", "<", window.until_ns)):
        if bound_ns is not None:
            conditions.append(f"StartedAt {comparison} fromUnixTimestamp64Nano({{{name}_ns:Int64}})")
            parameters[f"{name}_ns"] = bound_ns
    bounds = where.Scope(project=scope.project, since_ns=window.since_ns)
    if scope.where is not None:
        condition = where.compile_where(scope.where, scope=bounds, now=now)
        conditions.append(f"({condition.sql})")
        parameters |= condition.parameters
    if scope.sample < 1.0:
        taken = ["cityHash64(TraceId) < {sample_bound:UInt64}"]
        parameters["sample_bound"] = int(scope.sample * 2**64)
        if scope.always is not None:
            condition = where.compile_where(scope.always, scope=bounds, now=now, prefix="always")
            taken.append(f"ifNull({condition.sql}, false)")
            parameters |= condition.parameters
        conditions.append(f"({' OR '.join(taken)})")
    return " AND ".join(conditions), parameters
