"""ReciprocalRank: how far down is the first relevant document?"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.shapes import RetrievedToRelevant, best, relevant_set


def reciprocal_rank(retrieved: Sequence[str], relevant: Collection[str]) -> float:
    """One over the rank of the first relevant document; 0.0 when none was retrieved.

    ``retrieved`` is ordered best first, an id counts at its first place only; ids are compared exactly.
    Raises ValueError if ``relevant`` is empty, where the measure is undefined.

    >>> reciprocal_rank(["d3", "d1"], relevant={"d1"})
    0.5
    """
    wanted = relevant_set(relevant)
    ranks = (rank for rank, found in enumerate(best(retrieved), start=1) if found in wanted)
    return 1.0 / next(ranks, float("inf"))


class ReciprocalRank(RetrievedToRelevant):
    """One over the rank of the first relevant document: 1 for the top, 0 for none; its mean is MRR.

    Method: ids, version 1, compared exactly.

    Threshold: 0.5, not calibrated: below it no relevant document is among the first two.

    Limits: sees the first relevant document only; only as good as the list of relevant ids.

    Measured: nothing to measure, it is computed from ids.

    Source: Voorhees, TREC-8 Question Answering Track Report (1999).
    """

    name: ClassVar[str] = "mrr"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "ids"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.RETRIEVED_IDS, Field.RELEVANT_IDS})

    def judge(self, case: Case) -> Verdict:
        """Find the first relevant id."""
        score = reciprocal_rank(case.retrieved_ids, case.relevant_ids)
        retrieved = len(best(case.retrieved_ids))
        where = f"stands at rank {round(1 / score)}" if score else f"is not among {retrieved} retrieved"
        return Verdict(score=score, explanation=f"the first relevant document {where}")
