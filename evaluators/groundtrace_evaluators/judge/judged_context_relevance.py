"""JudgedContextRelevance: does a language model find the answer to the query in what was retrieved?"""

from collections.abc import Sequence
from typing import ClassVar, Final

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.context_relevance import ContextRelevance
from groundtrace_evaluators.judge.canary import false_passage
from groundtrace_evaluators.judge.clean import stands_in, visible
from groundtrace_evaluators.judge.endpoint import Spend
from groundtrace_evaluators.judge.evaluator import JudgedEvaluator
from groundtrace_evaluators.judge.planted import quotable
from groundtrace_evaluators.judge.prompt import RELEVANCE, SYSTEM, relevance_messages
from groundtrace_evaluators.judge.record import JudgedEvidence, JudgedVerdict, JudgeRecord
from groundtrace_evaluators.judge.replies import JudgedPassage, PassagesReply, PassageVerdict
from groundtrace_evaluators.judge.windows import Piece, windows
from groundtrace_evaluators.score import excerpt
from groundtrace_evaluators.shapes import QueryToContext

WORTH: Final = {PassageVerdict.ANSWERS: 1.0, PassageVerdict.RELATED: 0.5, PassageVerdict.UNRELATED: 0.0}
"""What a passage counts; the score is the best passage's."""


class JudgedContextRelevance(JudgedEvaluator, QueryToContext):
    """Whether a language model finds an answer in the best passage: 1 yes, 0.5 the subject only, 0 neither.

    Method: the judge says of each passage whether it answers, is related or unrelated, and quotes it; a
    verdict without a quote that stands in the passage counts as unrelated. The score is the best
    passage's. Long contexts take several calls, long passages are judged in parts. Failures are
    statuses, as in ``JudgedGroundedness``.

    Threshold: 0.75, below it no passage answers; not calibrated.

    Limits: those of the model asked. An answer that needs two passages together may be found in neither.
    """

    name: ClassVar[str] = "judged_context_relevance"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "judge"
    threshold: ClassVar[float] = 0.75
    needs: ClassVar[frozenset[Field]] = frozenset({Field.QUERY, Field.CONTEXT})
    prompt: ClassVar[str] = SYSTEM + RELEVANCE

    def beside(self, case: Case) -> float | None:
        """The lexical relevance of the same case."""
        return ContextRelevance().judge(case).score

    def calls(self, case: Case) -> int:
        """One for each window of the context."""
        return len(windows([visible(passage) for passage in case.context], self.config.window_chars))

    async def ask(self, case: Case, spend: Spend) -> JudgedVerdict:
        """Ask about every passage, window by window."""
        found: dict[int, JudgedEvidence] = {}
        for pieces in windows([visible(passage) for passage in case.context], self.config.window_chars):
            for piece, verdict in zip(pieces, await self._ask_window(case, pieces, spend), strict=True):
                evidence = weighed(verdict, piece)
                kept = found.get(piece.passage)
                if kept is None or evidence.score > kept.score:
                    found[piece.passage] = evidence
        best = max(found.values(), key=lambda piece: piece.score)
        return JudgedVerdict(
            score=best.score,
            explanation=f"passage {best.passage}: {best.verdict}",
            evidence=tuple(found.values()),
            record=JudgeRecord(model=self.config.model),
        )

    async def _ask_window(self, case: Case, pieces: Sequence[Piece], spend: Spend) -> list[JudgedPassage]:
        texts = [piece.text for piece in pieces]
        place = None
        if self.config.canary:
            place = self._random.randrange(len(texts) + 1)
            texts.insert(place, false_passage(self._random))
        reply = await self.replied(
            relevance_messages(case.query or "", texts),
            PassagesReply,
            count=len(texts),
            passages=len(texts),
            spend=spend,
        )
        judged = sorted(reply.verdicts, key=lambda verdict: verdict.passage)
        if place is not None:
            self.refuse_compromised(accepted=judged.pop(place).verdict == "answers")
        return judged


def weighed(judged: JudgedPassage, piece: Piece) -> JudgedEvidence:
    """A passage's verdict as it counts, once its quote has been looked for."""
    quoted = stands_in(judged.quote, quotable(piece.text))
    verdict = PassageVerdict(judged.verdict) if quoted else PassageVerdict.UNRELATED
    return JudgedEvidence(
        text=excerpt(piece.text),
        score=WORTH[verdict],
        supported=verdict is PassageVerdict.ANSWERS,
        passage=piece.passage,
        verdict=verdict.value,
        said=judged.verdict,
        quotes=(judged.quote,) if quoted else (),
    )
