"""EmbeddingSimilarity: how alike are two texts?"""

import math
import unicodedata
from collections import Counter
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence
from groundtrace_evaluators.shapes import ResponseToExpected


class EmbeddingSimilarity(ResponseToExpected):
    """Cosine of two texts' character n-grams; 1 is the same text but for case and spacing.

    On a trace it compares the query with each passage of the context and takes the best.
    """

    name: ClassVar[str] = "embedding_similarity"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.QUERY, Field.CONTEXT})

    def judge(self, case: Case) -> Verdict:
        """Compare the query's n-grams with each passage's."""
        response = ngrams(case.query or "")
        similarities = [cosine(response, ngrams(passage)) for passage in case.context]
        evidence = tuple(
            Evidence(text=passage, score=score, supported=score >= self.threshold, passage=index)
            for index, (passage, score) in enumerate(zip(case.context, similarities, strict=True))
        )
        return Verdict(score=max(similarities), evidence=evidence)


def ngrams(text: str, sizes: tuple[int, ...] = (2, 3, 4)) -> Counter[str]:
    """How often each run of ``sizes`` characters occurs, word borders marked by spaces.

    Case, compatibility forms and the amount of white space are ignored.
    """
    padded = f" {' '.join(unicodedata.normalize('NFKC', text).casefold().split())} "
    return Counter(padded[start : start + size] for size in sizes for start in range(len(padded) - size + 1))


def cosine(left: Counter[str], right: Counter[str]) -> float:
    """Cosine of two count vectors with sublinear (1 + ln n) weights, in [0, 1]; 0.0 if either is empty."""
    if len(left) > len(right):
        left, right = right, left
    product = sum(_damped(count) * _damped(right[gram]) for gram, count in left.items() if gram in right)
    norms = math.hypot(*map(_damped, left.values())) * math.hypot(*map(_damped, right.values()))
    return min(1.0, product / norms) if norms else 0.0


def _damped(count: int) -> float:
    return 1.0 + math.log(count)
