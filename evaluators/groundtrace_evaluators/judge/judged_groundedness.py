"""JudgedGroundedness: does a language model find every claim of the answer in its context?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from groundtrace_evaluators.abstention import abstains
from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.groundedness import Groundedness, claims_of
from groundtrace_evaluators.judge.canary import false_claim
from groundtrace_evaluators.judge.clean import stands_in, visible
from groundtrace_evaluators.judge.endpoint import Spend
from groundtrace_evaluators.judge.evaluator import JudgedEvaluator
from groundtrace_evaluators.judge.planted import quotable
from groundtrace_evaluators.judge.prompt import CLAIMS, SYSTEM, claims_messages
from groundtrace_evaluators.judge.record import JudgedEvidence, JudgedVerdict, JudgeRecord
from groundtrace_evaluators.judge.replies import ClaimsReply, ClaimVerdict, JudgedClaim
from groundtrace_evaluators.judge.windows import Piece, windows
from groundtrace_evaluators.score import Status
from groundtrace_evaluators.sentences import split_sentences
from groundtrace_evaluators.shapes import ContextToAnswer

BEFORE_CLAIMS: Final = 2
"""Sentences of the answer shown before a later batch of claims, so that "it" keeps its meaning."""

_RANK: Final = {ClaimVerdict.NOT_FOUND: 0, ClaimVerdict.CONTRADICTED: 1, ClaimVerdict.SUPPORTED: 2}


@dataclass(slots=True)
class _Claim:
    """One sentence of the answer and the best that was found for it so far."""

    text: str
    verdict: ClaimVerdict = ClaimVerdict.NOT_FOUND
    said: str = ClaimVerdict.NOT_FOUND.value
    quotes: tuple[str, ...] = ()
    passage: int | None = None


@dataclass(slots=True)
class _Window:
    """What one call can quote from."""

    pieces: Sequence[Piece]
    units: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.units = [quotable(piece.text) for piece in self.pieces]


class JudgedGroundedness(JudgedEvaluator, ContextToAnswer):
    """Share of the answer's claims that a language model finds in the context, with quotes that are there.

    Method: each sentence of the answer is a claim; the judge calls each supported, contradicted or
    not_found and quotes the passages. A supported claim without a quote that stands word for word in the
    passage it names counts as not_found. The score is ours: supported claims over all claims. A context
    longer than ``window_chars`` is judged in several calls, and a claim has the best verdict of them all.

    An answer that only declines is ``ABSTAINED``, one that says nothing to check ``NO_CLAIMS``; neither
    is sent. Every failure is a status, never a number: ``PARSE_ERROR``, ``REFUSED``, ``TIMEOUT``,
    ``RATE_LIMITED``, ``BUDGET_EXHAUSTED``, ``TRUNCATED``, and ``ERROR`` for the rest, a judge that
    accepted a made-up claim among it.

    Threshold: 1.0, one claim without support fails the answer; not calibrated.

    Limits: those of the model asked, which can be wrong with confidence; measure its agreement with
    people before it decides anything. A claim whose support lies in two passages of different calls is
    not found. Whether a quote supports its claim is the model's judgement, only that it exists is
    checked. ``docs/judge.md`` has the rest.

    Source: claim-level faithfulness (Es et al. 2024, "Ragas"), with verified quotes (Menick et al. 2022,
    "Teaching language models to support answers with verified quotes").
    """

    name: ClassVar[str] = "judged_groundedness"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "judge"
    threshold: ClassVar[float] = 1.0
    needs: ClassVar[frozenset[Field]] = frozenset({Field.CONTEXT, Field.ANSWER})
    prompt: ClassVar[str] = SYSTEM + CLAIMS

    def verdict_without_asking(self, case: Case) -> JudgedVerdict | None:
        """Answers that decline, or say nothing that could be checked."""
        sentences = split_sentences(visible(case.answer or ""))
        if abstains(sentences):
            return self.unasked(Status.ABSTAINED, "the answer declines to answer")
        if not claims_of(sentences):
            return self.unasked(Status.NO_CLAIMS, "the answer says nothing that could be checked")
        return None

    def beside(self, case: Case) -> float | None:
        """The lexical groundedness of the same case."""
        return Groundedness().judge(case).score

    def calls(self, case: Case) -> int:
        """One for each window of the context and batch of claims."""
        claims = len(claims_of(split_sentences(visible(case.answer or ""))))
        batches = -(-claims // self.config.claims_per_call)
        return batches * len(
            windows([visible(passage) for passage in case.context], self.config.window_chars)
        )

    async def ask(self, case: Case, spend: Spend) -> JudgedVerdict:
        """Ask about every claim, window by window; a claim that has its support is not asked about again."""
        claims = [_Claim(claim.text) for claim in claims_of(split_sentences(visible(case.answer or "")))]
        size = self.config.claims_per_call
        for pieces in windows([visible(passage) for passage in case.context], self.config.window_chars):
            window = _Window(pieces)
            for start in range(0, len(claims), size):
                batch = [c for c in claims[start : start + size] if c.verdict is not ClaimVerdict.SUPPORTED]
                before = claims[max(0, start - BEFORE_CLAIMS) : start]
                if batch:
                    await self._ask_batch(case, window, batch, " ".join(c.text for c in before), spend)
        return self._verdict_on(claims)

    async def _ask_batch(
        self, case: Case, window: _Window, batch: Sequence[_Claim], before: str, spend: Spend
    ) -> None:
        texts = [claim.text for claim in batch]
        place = None
        if self.config.canary:
            place = self._random.randrange(len(texts) + 1)
            texts.insert(place, false_claim((piece.text for piece in window.pieces), self._random))
        messages = claims_messages(
            [piece.text for piece in window.pieces], texts, question=case.query, before=before
        )
        reply = await self.replied(
            messages, ClaimsReply, count=len(texts), passages=len(window.pieces), spend=spend
        )
        judged = sorted(reply.verdicts, key=lambda verdict: verdict.claim)
        if place is not None:
            self.refuse_compromised(accepted=judged.pop(place).verdict == "supported")
        for claim, verdict in zip(batch, judged, strict=True):
            improve(claim, verdict, window)

    def _verdict_on(self, claims: Sequence[_Claim]) -> JudgedVerdict:
        counts = Counter(claim.verdict for claim in claims)
        supported, contradicted = counts[ClaimVerdict.SUPPORTED], counts[ClaimVerdict.CONTRADICTED]
        said = f"{supported} of {len(claims)} claims are supported"
        return JudgedVerdict(
            score=supported / len(claims),
            explanation=f"{said}, {contradicted} contradicted" if contradicted else said,
            evidence=tuple(
                JudgedEvidence(
                    text=claim.text,
                    score=float(claim.verdict is ClaimVerdict.SUPPORTED),
                    supported=claim.verdict is ClaimVerdict.SUPPORTED,
                    passage=claim.passage,
                    verdict=claim.verdict.value,
                    said=claim.said,
                    quotes=claim.quotes,
                )
                for claim in claims
            ),
            record=JudgeRecord(model=self.config.model),
        )


def improve(claim: _Claim, judged: JudgedClaim, window: _Window) -> None:
    """Take this verdict if it is better than the one so far: supported, then contradicted, then not found.

    A verdict that rests on no quote which can be found counts as not_found.
    """
    quotes = [
        (quote.quote, window.pieces[quote.passage - 1].passage)
        for quote in judged.evidence
        if stands_in(quote.quote, window.units[quote.passage - 1])
    ]
    verdict = ClaimVerdict(judged.verdict) if quotes else ClaimVerdict.NOT_FOUND
    first = claim.said == ClaimVerdict.NOT_FOUND.value
    if _RANK[verdict] > _RANK[claim.verdict] or first:
        claim.verdict, claim.said = verdict, judged.verdict
        claim.quotes = tuple(text for text, _ in quotes)
        claim.passage = quotes[0][1] if quotes else None
