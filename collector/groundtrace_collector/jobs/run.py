"""A run: everything that the ledger lacks in a scope, once, and how far it has come."""

from collections import Counter
from dataclasses import dataclass, field

from groundtrace_collector.jobs.budget import Purse
from groundtrace_collector.jobs.protocol import RunStatus
from groundtrace_collector.jobs.selection import Backlog, Selection, Window
from groundtrace_evaluators.score import Status


@dataclass(slots=True, kw_only=True)
class Run:
    """A run in the server's memory; a lost one is started again and finds in the ledger what is done."""

    run_id: str
    selection: Selection
    window: Window
    backlog: Backlog
    asked_at: float
    decided: Counter[str] = field(default_factory=Counter)
    exhausted: bool = False
    """Nothing undecided was left when it last looked."""
    purse: Purse | None = None
    out_of_budget: bool = False

    def status(self, *, open_tasks: int) -> RunStatus:
        """How far it is, with this many of its tasks still queued or leased."""
        return RunStatus(
            run=self.run_id,
            job=self.selection.job,
            total=self.backlog.due_tasks,
            decided=dict(self.decided),
            scores_added=self.decided[Status.OK],
            waiting=self.backlog.waiting_traces,
            finished=self.exhausted and open_tasks == 0,
            spent_usd=self.purse.total_usd if self.purse else 0.0,
            out_of_budget=self.out_of_budget,
        )
