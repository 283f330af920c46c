"""The one shape that every evaluator has."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.score import Evidence, Score, Status

logger = logging.getLogger(__name__)

Direction = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What ``Evaluator.judge`` decides; the base adds name, method, version and latency."""

    score: float | None = None
    label: str | None = None
    status: Status = Status.OK
    explanation: str | None = None
    evidence: tuple[Evidence, ...] = ()
    cost_usd: float | None = 0.0


class Evaluator(ABC):
    """Scores one aspect of one case.

    A subclass states the class variables, implements ``judge``, and offers ``evaluate`` with the
    keywords of its aspect (see ``shapes``). Everything that stores or schedules evaluations calls
    ``evaluate_case``, which is the same for all of them.

    A part that is needed and absent gives ``SKIPPED`` with its name; an exception inside ``judge`` is
    logged and gives ``ERROR`` with its text, so that one bad case never stops a run.
    """

    name: ClassVar[str]
    """snake_case, unique; the name under which scores are stored and asked for."""
    version: ClassVar[str]
    """Changes whenever the same case could get another score."""
    method: ClassVar[str]
    """How it is measured: ``lexical``, ``ids``, ..."""
    threshold: ClassVar[float] = 0.5
    """Beyond it a score counts as failed. Uncalibrated unless the evaluator says otherwise."""
    direction: ClassVar[Direction] = "higher"
    """Which end of [0, 1] is best."""
    needs: ClassVar[frozenset[Field]]
    """The parts of a case without which there is nothing to score."""

    @abstractmethod
    def judge(self, case: Case) -> Verdict:
        """Decide on a case that has every part in ``needs``; no clock, no logging."""

    def evaluate_case(self, case: Case) -> Score:
        """Score one case; never raises for what a case may hold."""
        started = time.perf_counter()
        lacking = self.lacking(case)
        if lacking is not None:
            return self._score(lacking, started)
        try:
            return self._score(self.judge(case), started)
        except Exception as exc:  # a scheduled run must survive any one case, whoever wrote the evaluator
            logger.exception("evaluator %s %s failed on a case", self.name, self.version)
            return self._score(fault(exc), started)

    def most_usd(self, case: Case) -> float | None:  # noqa: ARG002 - what is free is so on every case
        """The most that scoring the case can cost, in US dollars; None where that is not known.

        A local method costs nothing. An evaluator that costs money says so here, or no budget can hold it.
        """
        return 0.0

    def forget(self) -> None:  # noqa: B027 - for those that keep something
        """Judge a case anew from now on, though it was judged before."""

    async def aevaluate_case(self, case: Case) -> Score:
        """Score one case without holding up the event loop."""
        return await asyncio.to_thread(self.evaluate_case, case)

    def evaluate_many(self, cases: Iterable[Case]) -> list[Score]:
        """Score the cases in order, one score each."""
        return [self.evaluate_case(case) for case in cases]

    def failed(self, score: float) -> bool:
        """Whether ``score`` lies on the bad side of the threshold."""
        return score > self.threshold if self.direction == "lower" else score < self.threshold

    def lacking(self, case: Case) -> Verdict | None:
        """``SKIPPED`` with the names of the parts that are needed and absent; None when all are there."""
        absent = [field for field in Field if field in self.needs and not case.has(field)]
        if not absent:
            return None
        parts = " and no ".join(field.words for field in absent)
        return Verdict(status=Status.SKIPPED, explanation=f"the case has no {parts}")

    def _score(self, verdict: Verdict, started: float) -> Score:
        """Raises ValueError when ``judge`` decided on a number that is no score."""
        return Score(
            name=self.name,
            score=verdict.score,
            label=verdict.label,
            status=verdict.status,
            explanation=verdict.explanation,
            evidence=verdict.evidence,
            method=self.method,
            version=self.version,
            cost_usd=verdict.cost_usd,
            latency_ms=(time.perf_counter() - started) * 1000.0,
        )


def fault(exc: BaseException) -> Verdict:
    """What stands in the ledger for a case on which an evaluator raised."""
    return Verdict(status=Status.ERROR, explanation=f"{type(exc).__name__}: {exc}", cost_usd=None)
