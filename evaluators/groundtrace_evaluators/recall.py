"""RecallAtK: how many of the relevant documents were retrieved?"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.shapes import RetrievedToRelevant, best, relevant_set


def recall_at_k(retrieved: Sequence[str], relevant: Collection[str], *, k: int | None = None) -> float:
    """Share of the relevant documents among the first ``k`` retrieved (all of them without ``k``).

    ``retrieved`` is ordered best first, an id counts at its first place only; ids are compared exactly.
    Raises ValueError if ``relevant`` is empty, where the measure is undefined, or ``k`` is below 1.

    >>> recall_at_k(["d3", "d1", "d7"], {"d1", "d2"}, k=2)
    0.5
    """
    wanted = relevant_set(relevant)
    return len(wanted.intersection(best(retrieved, k))) / len(wanted)


class RecallAtK(RetrievedToRelevant):
    """Share of the relevant documents that were retrieved: 1 is all of them.

    Method: ids, version 1, compared exactly. k is the number of documents retrieved; for another, subclass
    with ``k`` and a name of its own.

    Threshold: 0.5, not calibrated; what is enough depends on how many documents are relevant.

    Limits: only as good as the list of relevant ids; a relevant document that nobody listed counts for
    nothing. A chunk's id is not its document's.

    Measured: nothing to measure, it is computed from ids.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), section 8.4.
    """

    name: ClassVar[str] = "recall_at_k"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "ids"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.RETRIEVED_IDS, Field.RELEVANT_IDS})
    k: ClassVar[int | None] = None

    def judge(self, case: Case) -> Verdict:
        """Count the relevant ids among the first retrieved."""
        found = best(case.retrieved_ids, self.k)
        wanted = relevant_set(case.relevant_ids)
        hits = len(wanted.intersection(found))
        return Verdict(
            score=recall_at_k(case.retrieved_ids, wanted, k=self.k),
            explanation=f"{hits} of {len(wanted)} relevant documents among {len(found)} retrieved",
        )
