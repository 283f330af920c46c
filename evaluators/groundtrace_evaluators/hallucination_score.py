"""HallucinationScore: how much of the answer is made up?"""

from dataclasses import replace
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Direction, Verdict
from groundtrace_evaluators.groundedness import Groundedness
from groundtrace_evaluators.shapes import ContextToAnswer


class HallucinationScore(ContextToAnswer):
    """One less groundedness: 1 is most hallucinated, 0 is fully grounded.

    Method: lexical, version 3: the same measure as ``groundedness``, read from the other end, for those who
    count hallucinations; it holds no further information, and the two must not be averaged.

    Threshold: 0.5, above it fails; not calibrated.

    Limits: those of ``Groundedness``, and measured with it.
    """

    name: ClassVar[str] = "hallucination_score"
    version: ClassVar[str] = Groundedness.version
    method: ClassVar[str] = Groundedness.method
    threshold: ClassVar[float] = 1.0 - Groundedness.threshold
    direction: ClassVar[Direction] = "lower"
    needs: ClassVar[frozenset[Field]] = Groundedness.needs

    def judge(self, case: Case) -> Verdict:
        """Turn the verdict of groundedness round."""
        grounded = Groundedness().judge(case)
        return grounded if grounded.score is None else replace(grounded, score=1.0 - grounded.score)
