"""Margin: how clearly does the retriever's score tell relevant documents from the others?"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field, numbers, strings
from groundtrace_evaluators.evaluator import Evaluator, Verdict
from groundtrace_evaluators.score import Score, Status
from groundtrace_evaluators.shapes import relevant_set


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreMargin:
    """How far an encoder's scores hold positives and hard negatives apart."""

    mean: float
    """Mean positive less mean hard-negative score, on the encoder's own scale: never compare encoders by it."""
    auroc: float
    """In [0, 1], without a scale: how often a positive outscores a hard negative, ties counting half."""
    positives: int
    negatives: int


def score_margin(positives: Sequence[float], negatives: Sequence[float]) -> ScoreMargin:
    """The margin between scores of relevant documents and scores of hard negatives; higher scores are nearer.

    A hard negative is a document that looks relevant and is not: the best-ranked wrong one. Pool the scores
    of many queries. Raises ValueError when either list is empty or a score is not a finite number.

    On the same labelled pairs MiniLM's mean was .156 and bge-small's .080, though bge ranked better (AUROC
    .762 v .742): a fixed mean such as 0.18 would turn the better encoder away.

    >>> score_margin([0.9, 0.7], [0.7, 0.5]).auroc
    0.875
    """
    above, below = numbers(positives, "positives"), numbers(negatives, "negatives")
    if not above or not below:
        raise ValueError(f"a margin needs scores of both kinds, got {len(above)} and {len(below)}")
    ordered = sorted(below)
    wins = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in above) / 2
    return ScoreMargin(
        mean=sum(above) / len(above) - sum(below) / len(below),
        auroc=wins / (len(above) * len(below)),
        positives=len(above),
        negatives=len(below),
    )


class Margin(Evaluator):
    """How often a relevant document outscores another one that was retrieved: 1 is always, 0.5 is chance.

    Method: ids, version 1, and the retriever's scores. The score is the AUROC of relevant against other
    documents, which has no scale and may be compared between encoders; the explanation also gives the plain
    margin, mean relevant score less best other score. Distances are told from similarities by their order:
    documents come best first. With only relevant or only other documents retrieved there is nothing to
    compare: ``NO_CLAIMS``.

    Threshold: 0.5, which is chance; not calibrated.

    Limits: relevant documents that were not retrieved do not count, so read it beside recall_at_k. The plain
    margin depends on the encoder's scale.

    Measured: nothing to measure, it is computed from ids and scores.

    Source: AUROC as the Mann-Whitney statistic (Hanley and McNeil, 1982).
    """

    name: ClassVar[str] = "margin"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "ids"
    needs: ClassVar[frozenset[Field]] = frozenset(
        {Field.RETRIEVED_IDS, Field.RETRIEVED_SCORES, Field.RELEVANT_IDS}
    )

    def evaluate(
        self, *, retrieved: Sequence[str], scores: Sequence[float], relevant: Sequence[str]
    ) -> Score:
        """Score one retrieval, best first; ``scores`` are similarities or distances, one a document.

        Raises TypeError and ValueError for anything but strings and as many finite numbers.
        """
        return self.evaluate_case(_case(retrieved, scores, relevant))

    async def aevaluate(
        self, *, retrieved: Sequence[str], scores: Sequence[float], relevant: Sequence[str]
    ) -> Score:
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(_case(retrieved, scores, relevant))

    def judge(self, case: Case) -> Verdict:
        """Compare the scores of relevant documents with those of the others."""
        wanted = relevant_set(case.relevant_ids)
        sign = -1.0 if ascends(case.retrieved_scores) else 1.0
        scored = {
            found: sign * score
            for found, score in reversed(list(zip(case.retrieved_ids, case.retrieved_scores, strict=True)))
        }
        positives = [score for found, score in scored.items() if found in wanted]
        negatives = [score for found, score in scored.items() if found not in wanted]
        if not positives or not negatives:
            lacking = "relevant" if not positives else "other"
            return Verdict(status=Status.NO_CLAIMS, explanation=f"no {lacking} document was retrieved")
        found = score_margin(positives, negatives)
        plain = sum(positives) / len(positives) - max(negatives)
        return Verdict(
            score=found.auroc,
            explanation=f"relevant documents outscore {found.auroc:.0%} of {found.negatives} others;"
            f" their mean lies {abs(plain):.3g} {'above' if plain >= 0 else 'below'} the best other",
        )


def ascends(scores: Sequence[float]) -> bool:
    """Whether scores of a list ordered best first rise more often than they fall: then they are distances.

    >>> ascends([0.1, 0.4, 0.9]), ascends([0.9, 0.4])
    (True, False)
    """
    return sum((after > before) - (after < before) for before, after in pairwise(scores)) > 0


def _case(retrieved: Sequence[str], scores: Sequence[float], relevant: Sequence[str]) -> Case:
    return Case(
        retrieved_ids=strings(retrieved, "retrieved"),
        retrieved_scores=numbers(scores, "scores"),
        relevant_ids=strings(relevant, "relevant"),
    )
