"""ContextPrecision: do the passages that hold the expected answer stand before the others?"""

from collections.abc import Sequence
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.groundedness import Claim, claims_of
from groundtrace_evaluators.score import Evidence, Status, excerpt
from groundtrace_evaluators.sentences import split_sentences
from groundtrace_evaluators.shapes import ExpectedToContext
from groundtrace_evaluators.support import Support, coverage

RELEVANT_COVERAGE = 0.5
"""A passage is relevant when it holds this share of a sentence of the expected answer."""


def average_precision(relevant: Sequence[bool]) -> float:
    """Mean of the precision at each relevant rank, best first; 0.0 when nothing is relevant.

    >>> average_precision([True, False, True])
    0.8333333333333333
    """
    hits = [rank for rank, hit in enumerate(relevant, start=1) if hit]
    return sum(found / rank for found, rank in enumerate(hits, start=1)) / len(hits) if hits else 0.0


class ContextPrecision(ExpectedToContext):
    """Average precision of the passages, in their order: 1 when those that hold the answer lead, 0 without one.

    Method: lexical, version 2, no model, about 1 ms a passage. A passage is relevant when it holds half of
    the weight of a sentence of the expected answer, names and figures double, the query's words aside. The
    score is the mean of the precision at the rank of each relevant passage.

    An expected answer that holds nothing to look for (``Yes.``, or only the query's words) is ``NO_CLAIMS``.

    Threshold: 0.5, not calibrated.

    Limits: relevance is read from words, so a passage that says it differently counts as noise. Only the
    passages that were retrieved count: read it beside context_recall. One passage alone scores 1 or 0.

    Measured: not on human labels, none were at hand.

    Source: average precision as in Manning, Raghavan and Schütze (2008), section 8.4; context precision of
    RAGAS, with words in place of a judge.
    """

    name: ClassVar[str] = "context_precision"
    version: ClassVar[str] = "2"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.CONTEXT, Field.EXPECTED})

    def judge(self, case: Case) -> Verdict:
        """Look for the expected answer in each passage, then weigh the ranks."""
        asked = Support((), case.query or "")
        claims = [
            claim for claim in claims_of(split_sentences(case.expected or "")) if asked.telling(claim.tokens)
        ]
        if not claims:
            return Verdict(
                status=Status.NO_CLAIMS, explanation="the expected answer holds nothing to look for"
            )
        evidence = tuple(
            _look(claims, passage, index, case.query or "") for index, passage in enumerate(case.context)
        )
        relevant = [piece.supported for piece in evidence]
        ranks = [str(rank) for rank, hit in enumerate(relevant, start=1) if hit]
        where = f", at rank {', '.join(ranks[:10])}" if ranks else ""
        return Verdict(
            score=average_precision(relevant),
            explanation=f"{len(ranks)} of {len(relevant)} passages hold the expected answer{where}",
            evidence=evidence,
        )


def _look(claims: Sequence[Claim], passage: str, index: int, query: str) -> Evidence:
    support = Support((passage,), query)
    score = max(coverage(claim.tokens, support) for claim in claims)
    return Evidence(text=excerpt(passage), score=score, supported=score >= RELEVANT_COVERAGE, passage=index)
