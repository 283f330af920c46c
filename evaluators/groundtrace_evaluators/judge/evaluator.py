"""What the judged evaluators share: cache, budget, one repair, and the record of each verdict."""

import asyncio
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from random import SystemRandom
from types import TracebackType
from typing import ClassVar, Final, Self, TypeVar, Unpack

from groundtrace_evaluators.case import Case
from groundtrace_evaluators.evaluator import Evaluator, Verdict
from groundtrace_evaluators.judge.budget import Amount, Budget
from groundtrace_evaluators.judge.cache import VerdictCache, case_key
from groundtrace_evaluators.judge.config import JudgeConfig, JudgeOptions
from groundtrace_evaluators.judge.endpoint import Endpoint, Spend
from groundtrace_evaluators.judge.failure import JudgeFailedError
from groundtrace_evaluators.judge.loop import LOOP
from groundtrace_evaluators.judge.planted import planted
from groundtrace_evaluators.judge.prompt import Messages, repair_messages
from groundtrace_evaluators.judge.record import JudgedScore, JudgedVerdict, JudgeRecord, recorded
from groundtrace_evaluators.judge.replies import BadReplyError, Reply, read_reply, schema_of
from groundtrace_evaluators.score import Score, Status

R = TypeVar("R", bound=Reply)

_PLANTED_NOTE: Final = "; the texts hold words to a grader, which were not followed"
_FRAME_BYTES: Final = 16_000
"""Of a call: its schema, the numbering of claims and passages, the canary, the chat template."""
_COMPROMISED: Final = (
    "the judge accepted a statement that was made up from beginning to end, so none of its verdicts on this case "
    "can be believed: it followed planted instructions, or agrees with everything"
)


class JudgedEvaluator(Evaluator, ABC):
    """An evaluator whose verdicts come from a language model behind an OpenAI-compatible endpoint.

    The keywords are the fields of ``JudgeConfig``; those not given are read from the environment
    (``GROUNDTRACE_JUDGE_BASE_URL``, ``GROUNDTRACE_JUDGE_MODEL``, …). Raises ConfigError that names what
    is absent or wrong. Nothing is sent before the first case. Use it as a context manager, or call
    ``close``, to close its connections and files.

    ``version`` holds a hash of everything that decides a verdict: prompt, model, endpoint, settings.
    """

    prompt: ClassVar[str]
    """The words of the task, which are part of the version."""

    def __init__(self, **options: Unpack[JudgeOptions]) -> None:
        self.config = JudgeConfig.resolve(options)
        digest = _digest(self.prompt, self.config)
        # Scores of another model or prompt must not be overwritten or mixed with these.
        self.version = f"{type(self).version}+{digest}"  # type: ignore[misc]
        self.method = f"judge:{self.config.model}"  # type: ignore[misc]
        self._budget = Budget(self.config)
        self._endpoint = Endpoint(self.config, self._budget)
        self._cache = VerdictCache(self.config.folder)
        self._flying: dict[str, asyncio.Task[JudgedVerdict]] = {}
        self._random = SystemRandom()

    def judge(self, case: Case) -> JudgedVerdict:
        """Ask the judge, unless the verdict is kept or already being asked for."""
        return LOOP.run(self._decided(case))

    def evaluate_many(self, cases: Iterable[Case]) -> list[Score]:
        """Score the cases, ``concurrency`` at once; one score each, in their order."""
        with ThreadPoolExecutor(self.config.concurrency) as threads:
            return list(threads.map(self.evaluate_case, cases))

    def spent(self) -> Amount:
        """Tokens and dollars that this evaluator has spent and reserved."""
        return self._budget.spent()

    def spent_today(self) -> Amount:
        """The same for this day (UTC), with everyone who shares ``folder``."""
        return self._budget.spent_today()

    def forget(self) -> None:
        """Ask about a case anew from now on; verdicts in ``folder`` stay there and are not used."""
        self._cache = VerdictCache(None)

    def close(self) -> None:
        """Close connections and files; the evaluator cannot be used after."""
        LOOP.run(self._endpoint.close())
        self._budget.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def most_usd(self, case: Case) -> float | None:
        """What every call could cost if each were retried, and repaired, as often as is allowed.

        None without the model's price. An endpoint that reports more tokens than it was sent and asked for
        can still cost more.
        """
        if self.config.price is None:
            return None
        if self.verdict_without_asking(case) is not None:
            return 0.0
        attempts = 2 * (1 + self.config.max_retries) * self.calls(case)
        return attempts * self.config.price.usd(
            most_bytes(case, self.prompt, self.config), self.config.max_output_tokens
        )

    @abstractmethod
    def calls(self, case: Case) -> int:
        """How many calls the case needs at most, retries and repairs aside."""

    @abstractmethod
    async def ask(self, case: Case, spend: Spend) -> JudgedVerdict:
        """Ask about one case. Raises JudgeFailedError; its record is completed by the caller."""

    @abstractmethod
    def beside(self, case: Case) -> float | None:
        """The deterministic score that is kept beside the judge's."""

    def verdict_without_asking(self, case: Case) -> JudgedVerdict | None:  # noqa: ARG002 - for subclasses
        """A verdict that needs no judge, such as an answer that declines to answer."""
        return None

    async def replied(
        self, messages: Messages, kind: type[R], *, count: int, passages: int, spend: Spend
    ) -> R:
        """One reply that fits its schema; a reply that does not is sent back once.

        Raises JudgeFailedError: parse_error when the second one does not fit either.
        """
        schema = schema_of(kind)
        first = await self._endpoint.complete(messages, schema, spend)
        if first.failure:
            raise first.failure
        try:
            return read_reply(first.text, kind, count=count, passages=passages)
        except BadReplyError as exc:
            again = repair_messages(messages, first.text, str(exc))
        second = await self._endpoint.complete(again, schema, spend)
        if second.failure:
            raise second.failure
        try:
            return read_reply(second.text, kind, count=count, passages=passages)
        except BadReplyError as exc:
            message = f"two replies were not the JSON object asked for: {exc}"
            raise JudgeFailedError(Status.PARSE_ERROR, message) from None

    def refuse_compromised(self, *, accepted: bool) -> None:
        """Raise JudgeFailedError when the judge accepted the made-up statement."""
        if accepted:
            raise JudgeFailedError(Status.ERROR, _COMPROMISED)

    def _score(self, verdict: Verdict, started: float) -> JudgedScore:
        score = super()._score(verdict, started)
        record = verdict.record if isinstance(verdict, JudgedVerdict) else None
        return JudgedScore(**{part.name: getattr(score, part.name) for part in fields(score)}, record=record)

    async def _decided(self, case: Case) -> JudgedVerdict:
        decided = self.verdict_without_asking(case)
        if decided is not None:
            return decided
        key = case_key(self.name, self.version, case)
        kept = self._cache.get(key)
        if kept is not None:
            return recorded(_free(kept))
        flying = self._flying.get(key)
        if flying is not None:
            return recorded(_free(await asyncio.shield(flying)))
        task = asyncio.create_task(self._asked(case, key))
        self._flying[key] = task
        try:
            return recorded(await asyncio.shield(task))
        finally:
            self._flying.pop(key, None)

    async def _asked(self, case: Case, key: str) -> JudgedVerdict:
        spend = Spend()
        try:
            verdict = await self.ask(case, spend)
        except JudgeFailedError as failure:
            verdict = self.unasked(failure.status, str(failure))
        done = self._completed(verdict, case, spend)
        self._cache.put(key, done)
        return done

    def unasked(self, status: Status, explanation: str) -> JudgedVerdict:
        """A verdict without a number."""
        record = JudgeRecord(model=self.config.model)
        return JudgedVerdict(status=status, explanation=explanation, record=record)

    def _completed(self, verdict: JudgedVerdict, case: Case, spend: Spend) -> JudgedVerdict:
        """The verdict with its cost and record, the deterministic score, and what the inputs tried."""
        lexical = self.beside(case)
        apart = verdict.score is not None and lexical is not None
        disagrees = apart and abs((verdict.score or 0.0) - (lexical or 0.0)) >= self.config.disagreement
        found = planted(text for text in (case.query, *case.context, case.answer) if text)
        notes = f"; disagrees with the deterministic score of {lexical:.2f}" if disagrees else ""
        return replace(
            verdict,
            explanation=f"{verdict.explanation}{notes}{_PLANTED_NOTE if found else ''}",
            cost_usd=spend.usd if self.config.price or not spend.calls else None,
            record=JudgeRecord(
                model=spend.model or self.config.model,
                calls=spend.calls,
                tokens_in=spend.tokens_in,
                tokens_out=spend.tokens_out,
                lexical_score=lexical,
                disagrees=disagrees,
                planted=found,
                replies=tuple(spend.replies),
            ),
        )


def most_bytes(case: Case, prompt: str, config: JudgeConfig) -> int:
    """An upper bound for the body of one call, and so for its tokens.

    Texts stand in JSON inside JSON, where a quotation mark takes four bytes and a sign that is spelt out
    seven; a call holds one window of the context, the query, the answer, and a reply that is sent back.
    """
    answer, query = case.answer or "", case.query or ""
    context = sum(map(len, case.context))
    chars = 2 * min(context, config.window_chars) + len(query) + 2 * len(answer)
    widest = max(4 if text.isascii() else 7 for text in (answer, query, *case.context))
    return _FRAME_BYTES + config.max_output_tokens + len(prompt.encode()) + widest * chars


def _free(verdict: JudgedVerdict) -> JudgedVerdict:
    """A verdict that someone else paid for."""
    record = replace(verdict.record, calls=0, tokens_in=0, tokens_out=0, cached=True)
    return replace(verdict, cost_usd=0.0, record=record)


def _digest(prompt: str, config: JudgeConfig) -> str:
    """Eight hex digits over what decides a verdict; money, patience and the key do not."""
    parts = [
        prompt,
        config.base_url,
        config.model,
        config.temperature,
        config.seed,
        config.reply_format,
        config.max_output_tokens,
        config.window_chars,
        config.claims_per_call,
        config.canary,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
