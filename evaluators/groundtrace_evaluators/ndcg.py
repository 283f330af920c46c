"""NdcgAtK: do the relevant documents stand at the top?"""

import math
from collections.abc import Collection, Sequence
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.shapes import RetrievedToRelevant, best, relevant_set


def ndcg_at_k(retrieved: Sequence[str], relevant: Collection[str], *, k: int | None = None) -> float:
    """Discounted gain of the first ``k`` retrieved (all without ``k``) over that of the best order there is.

    Each relevant document gains 1 ÷ log2(rank + 1), at its first place only. The best order has every
    relevant document at the top, cut at ``k``. ``retrieved`` is ordered best first; ids are compared exactly.
    Raises ValueError if ``relevant`` is empty, where the measure is undefined, or ``k`` is below 1.

    >>> round(ndcg_at_k(["d3", "d1"], {"d1"}, k=2), 3)
    0.631
    """
    wanted = relevant_set(relevant)
    gain = sum(_gain(rank) for rank, found in enumerate(best(retrieved, k), start=1) if found in wanted)
    ideal = len(wanted) if k is None else min(k, len(wanted))
    return min(1.0, gain / sum(_gain(rank) for rank in range(1, ideal + 1)))


class NdcgAtK(RetrievedToRelevant):
    """Normalised discounted cumulative gain: 1 when every relevant document leads, 0 without one.

    Method: ids, version 1, compared exactly, gain 1 each. k is the number of documents retrieved, relevant
    ones that are missing count; for another, subclass with ``k`` and a name of its own.

    Threshold: 0.5, not calibrated.

    Limits: relevance has no grades; only as good as the list of relevant ids.

    Measured: nothing to measure, it is computed from ids.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002).
    """

    name: ClassVar[str] = "ndcg_at_k"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "ids"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.RETRIEVED_IDS, Field.RELEVANT_IDS})
    k: ClassVar[int | None] = None

    def judge(self, case: Case) -> Verdict:
        """Weigh the places of the relevant ids."""
        wanted = relevant_set(case.relevant_ids)
        places = [
            str(rank)
            for rank, found in enumerate(best(case.retrieved_ids, self.k), start=1)
            if found in wanted
        ]
        return Verdict(
            score=ndcg_at_k(case.retrieved_ids, wanted, k=self.k),
            explanation=f"{len(places)} of {len(wanted)} relevant documents retrieved"
            + (f", at rank {', '.join(places[:10])}" if places else ""),
        )


def _gain(rank: int) -> float:
    return 1.0 / math.log2(rank + 1)
