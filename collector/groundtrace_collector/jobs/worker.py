"""A worker: takes cases from a collector, runs the evaluators, and brings the verdicts back."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from groundtrace.errors import ApiError
from groundtrace_collector.jobs.client import CollectorAwayError, JobsClient
from groundtrace_collector.jobs.protocol import (
    Bound,
    CaseMessage,
    ClaimReply,
    ClaimRequest,
    EvaluatorRef,
    ReserveRequest,
    Result,
    ResultsRequest,
    RunStatus,
    ScoreMessage,
)
from groundtrace_collector.jobs.spans import Evaluation, evaluations_request
from groundtrace_evaluators.case import Case
from groundtrace_evaluators.evaluator import Evaluator
from groundtrace_evaluators.judge.record import JudgedScore, JudgeRecord
from groundtrace_evaluators.score import Status

logger = logging.getLogger(__name__)

POST_S: Final = 2.0
"""Verdicts go back at least so often; a message in time also keeps the lease."""
BATCH_S: Final = 2.0
"""A batch is made as large as can be scored in about this time: little is done twice after a kill."""
FIRST_BATCH: Final = 32
MAX_BATCH: Final = 500
MAX_BACKOFF_S: Final = 15.0
NO_MONEY_S: Final = 1.0
"""The pause after a batch for which nothing could be reserved: others may give some back."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """Works for one collector until ``stop`` is set; what it has not begun it gives back.

    With ``run`` it takes only that run's cases.
    """

    client: JobsClient
    evaluators: Mapping[str, Evaluator]
    stop: asyncio.Event
    configured: frozenset[str] = frozenset()
    """Those of the evaluators that settings of this machine made."""
    run: str | None = None
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    _limit: int = FIRST_BATCH
    _untraced: int = 0
    _away_s: float = 0.0

    async def work(self) -> None:
        """Take and score cases; while the collector is away, try again with growing pauses."""
        while not self.stop.is_set():
            try:
                reply = await self.work_once()
            except CollectorAwayError as exc:
                await self._pause(self._back_off(str(exc)))
            except ApiError as exc:
                logger.warning("the collector refuses this worker: %s", exc)
                await self._pause(MAX_BACKOFF_S)
            else:
                self._back_again()
                if not reply.cases:
                    await self._pause(reply.wait_s)

    async def work_once(self) -> ClaimReply:
        """Take one batch, score it and hand it in; gives what the collector handed out.

        Raises CollectorAwayError, and ApiError when the collector refuses.
        """
        versions = {name: evaluator.version for name, evaluator in self.evaluators.items()}
        request = ClaimRequest(
            worker=self.name,
            evaluators=versions,
            configured={name: versions[name] for name in self.configured},
            limit=self._limit,
            run=self.run,
        )
        reply = await self.client.claim(request)
        if reply.lease is not None:
            cases = await self._paid(reply.lease, reply.cases) if reply.budgeted else reply.cases
            await self._score(reply.lease, cases)
            if not cases:
                await self._pause(NO_MONEY_S)
        return reply

    async def _paid(self, lease: str, cases: Sequence[CaseMessage]) -> tuple[CaseMessage, ...]:
        """The cases with the evaluators that may be asked, once what they can cost is set aside."""
        bounds = bounds_of(cases, self.evaluators)
        reply = await self.client.reserve(ReserveRequest(lease=lease, bounds=bounds))
        granted = {
            (each.project, each.trace_id, each.input_hash, each.evaluator)
            for each, may in zip(bounds, reply.granted, strict=not reply.lease_lost)
            if may
        }
        kept = [
            case.model_copy(
                update={
                    "evaluators": tuple(
                        ref
                        for ref in case.evaluators
                        if (case.project, case.trace_id, case.input_hash, ref) in granted
                    )
                }
            )
            for case in cases
        ]
        return tuple(case for case in kept if case.evaluators)

    async def _score(self, lease: str, cases: Sequence[CaseMessage]) -> None:
        """Score in a thread and hand in from here, so that a slow evaluator does not cost the lease."""
        found: deque[Result] = deque()
        done: list[Evaluation] = []
        enough = threading.Event()
        started = time.monotonic()
        scoring = asyncio.create_task(
            asyncio.to_thread(
                score_cases, cases, self.evaluators, found.append, enough.is_set, traced=done.append
            )
        )
        stopping = asyncio.create_task(self.stop.wait())
        try:
            while not scoring.done():
                await asyncio.wait({scoring, stopping}, timeout=POST_S, return_when=asyncio.FIRST_COMPLETED)
                if self.stop.is_set():
                    enough.set()
                    await scoring
                elif not scoring.done():
                    await self._hand_in(lease, found, enough, done=False)
            await self._hand_in(lease, found, enough, done=True)
        finally:
            enough.set()
            stopping.cancel()
            scored = await scoring
        await self._trace(done)
        self._limit = next_limit(scored, time.monotonic() - started)

    async def _trace(self, done: Sequence[Evaluation]) -> None:
        """Send the batch as spans. They are for looking at: what cannot be sent is let go, and said once."""
        if not done:
            return
        try:
            await self.client.trace(evaluations_request(done, worker=self.name))
        except (CollectorAwayError, ApiError) as exc:
            if not self._untraced:
                logger.warning("evaluations are not traced: %s", exc)
            self._untraced += len(done)

    async def _hand_in(
        self, lease: str, found: deque[Result], enough: threading.Event, *, done: bool
    ) -> None:
        """Send what has been found out, however long the collector is away; a lost lease ends the batch."""
        results = tuple(found.popleft() for _ in range(len(found)))
        request = ResultsRequest(lease=lease, results=results, done=done)
        while not enough.is_set() or done:
            try:
                reply = await self.client.results(request)
            except CollectorAwayError as exc:
                if self.stop.is_set():
                    # Not lost yet: the collector may be back for the last message.
                    found.extendleft(reversed(results))
                    if done:
                        logger.warning(
                            "%d verdicts are not handed in, they will be made again: %s", len(results), exc
                        )
                    return
                await self._pause(self._back_off(str(exc)))
            else:
                self._back_again()
                if reply.lease_lost:
                    logger.info("the lease ran out, %d verdicts are dropped", len(results))
                    enough.set()
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return

    def _back_off(self, words: str) -> float:
        if not self._away_s:
            logger.warning("%s; trying again", words)
        self._away_s = min(MAX_BACKOFF_S, max(0.5, 2 * self._away_s))
        return self._away_s

    def _back_again(self) -> None:
        if self._away_s:
            logger.warning("the collector at %s is back", self.client.url)
        self._away_s = 0.0


def next_limit(scored: int, elapsed_s: float) -> int:
    """How many evaluations to ask for, after so many took so long; at most four times as many as now."""
    fitting = int(scored * BATCH_S / max(elapsed_s, 0.001))
    return max(1, min(fitting, 4 * max(scored, 8), MAX_BATCH))


def score_cases(
    cases: Sequence[CaseMessage],
    evaluators: Mapping[str, Evaluator],
    found: Callable[[Result], None],
    enough: Callable[[], bool],
    traced: Callable[[Evaluation], None] = lambda _: None,
) -> int:
    """Score the cases in order until ``enough`` says so; gives how many evaluations were made.

    Each is told to ``found``, and to ``traced`` how it went.
    """
    scored = 0
    for message in cases:
        case = case_of(message)
        for ref in message.evaluators:
            if enough():
                return scored
            evaluation = _evaluated(message, case, evaluators[ref.name], ref)
            found(_result(message, evaluation.score, evaluators[ref.name]))
            traced(evaluation)
            scored += 1
    return scored


def case_of(message: CaseMessage) -> Case:
    """The case as evaluators take it."""
    return Case(
        query=message.query,
        context=message.context,
        context_ids=message.context_ids,
        answer=message.answer,
        expected=message.expected,
        cached_query=message.cached_query,
        retrieved_ids=message.retrieved_ids,
        retrieved_scores=message.retrieved_scores,
        relevant_ids=message.relevant_ids,
    )


def bounds_of(cases: Sequence[CaseMessage], evaluators: Mapping[str, Evaluator]) -> tuple[Bound, ...]:
    """The most that each evaluation can cost; one that cannot say it has no bound."""
    return tuple(
        Bound(
            project=message.project,
            trace_id=message.trace_id,
            input_hash=message.input_hash,
            evaluator=ref,
            most_usd=_most_usd(evaluators[ref.name], case),
        )
        for message in cases
        for case in [case_of(message)]
        for ref in message.evaluators
    )


def _most_usd(evaluator: Evaluator, case: Case) -> float | None:
    try:
        return 0.0 if evaluator.lacking(case) else evaluator.most_usd(case)
    except Exception:  # whoever wrote it: one case must not stop the others
        logger.exception("evaluator %s cannot say what a case costs", evaluator.name)
        return None


def _result(message: CaseMessage, score: ScoreMessage, evaluator: Evaluator) -> Result:
    return Result(
        project=message.project,
        trace_id=message.trace_id,
        input_hash=message.input_hash,
        score=score,
        threshold=evaluator.threshold,
    )


def _evaluated(message: CaseMessage, case: Case, evaluator: Evaluator, ref: EvaluatorRef) -> Evaluation:
    began_ns = time.time_ns()
    score, record = _verdict(evaluator, case, ref)
    return Evaluation(
        case=message,
        score=score,
        began_ns=began_ns,
        ended_ns=time.time_ns(),
        tokens_in=record.tokens_in if record else 0,
        tokens_out=record.tokens_out if record else 0,
    )


def _verdict(evaluator: Evaluator, case: Case, ref: EvaluatorRef) -> tuple[ScoreMessage, JudgeRecord | None]:
    """What the evaluator says; one that breaks its own contract is an error on this case, no more."""
    try:
        score = evaluator.evaluate_case(case)
        values = dict(score.as_dict()) | {"name": ref.name, "version": ref.version}
        record = score.record if isinstance(score, JudgedScore) else None
        return _sendable(values), record
    except Exception as exc:  # noqa: BLE001  (whoever wrote it: one case must not stop the others)
        reason = " ".join(f"{type(exc).__name__}: {exc}".split()).encode(errors="replace").decode()
        logger.warning("evaluator %s %s failed on a case: %s", ref.name, ref.version, reason)
        return ScoreMessage(
            name=ref.name,
            version=ref.version,
            score=None,
            status=Status.ERROR,
            explanation=reason,
        ), None


def _sendable(values: Mapping[str, object]) -> ScoreMessage:
    """The verdict; raises ValueError for one that would end the worker when its batch is handed in.

    JSON has no half of a surrogate pair, and no numbers of other libraries.
    """
    message = ScoreMessage.model_validate(values)
    message.model_dump_json()
    return message


async def drive_run(worker: Worker, status: RunStatus, progress: Callable[[RunStatus], None]) -> RunStatus:
    """Work on a run until everything in it is decided, also by other workers; gives how it ended.

    Raises CollectorAwayError and ApiError; a run that is started again goes on where it was.
    """
    while not status.finished and not worker.stop.is_set():
        reply = await worker.work_once()
        status = reply.run or status
        progress(status)
        if not reply.cases and not status.finished:
            await asyncio.sleep(reply.wait_s)
    return status
