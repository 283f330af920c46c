"""A dispatcher on a real store with a clock that tests move."""

import pytest

from groundtrace_collector.jobs.change import JobChange, changed_job
from groundtrace_collector.jobs.dispatcher import Dispatcher
from groundtrace_collector.jobs.job import Job
from groundtrace_collector.jobs.protocol import (
    CaseMessage,
    ClaimReply,
    ClaimRequest,
    Result,
    ResultsReply,
    ResultsRequest,
    ScoreMessage,
)
from groundtrace_collector.store.store import Store
from groundtrace_evaluators import get
from groundtrace_evaluators.score import Status
from tests.collector.jobs.stored import Clock, Traces


class Office:
    """A dispatcher with one job and a worker that needs no evaluator: each trace scores 0.5."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.restart()

    def restart(self) -> None:
        """What a `kill -9` of the server leaves: the store, and nothing of the memory."""
        self.dispatcher = Dispatcher(
            self.store, clock=self.clock, monotonic=self.clock.monotonic, lease_s=30.0
        )

    async def job(self, name: str = "quality", **values: object) -> Job:
        change = JobChange.model_validate(
            {"name": name, "evaluators": ["groundedness"], "every": "1s"} | values
        )
        cursor, now = self.clock.seq, self.clock.now
        return await self.dispatcher.save(name, lambda job: changed_job(job, change, cursor=cursor, now=now))

    async def claim(self, *, limit: int = 1000, run: str | None = None) -> ClaimReply:
        versions = {name: get(name).version for name in ("groundedness", "context_relevance")}
        return await self.dispatcher.claim(
            ClaimRequest(worker="w", evaluators=versions, limit=limit, run=run)
        )

    async def answer(
        self, reply: ClaimReply, *, status: Status = Status.OK, done: bool = True
    ) -> ResultsReply:
        results = tuple(each for case in reply.cases for each in verdicts(case, status))
        return await self.dispatcher.results(
            ResultsRequest(lease=reply.lease or "", results=results, done=done)
        )

    async def work(self, *, run: str | None = None) -> list[str]:
        """Do all there is to do now; gives the trace of each case, in order."""
        done = []
        while (reply := await self.claim(run=run)).cases:
            done += [case.trace_id for case in reply.cases]
            await self.answer(reply)
        return done


def verdicts(case: CaseMessage, status: Status = Status.OK) -> list[Result]:
    """What a worker sends about a case."""
    return [
        Result(
            project=case.project,
            trace_id=case.trace_id,
            input_hash=case.input_hash,
            score=ScoreMessage(
                name=ref.name,
                version=ref.version,
                score=0.5 if status is Status.OK else None,
                status=status,
                explanation=None if status is Status.OK else "the case has no answer",
            ),
        )
        for ref in case.evaluators
    ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def traces(store: Store, clock: Clock) -> Traces:
    return Traces(store, clock)


@pytest.fixture
def office(store: Store, clock: Clock) -> Office:
    return Office(store, clock)
