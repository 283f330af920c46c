"""EmbeddingSimilarity: how alike are two texts?"""

import math
import unicodedata
from collections import Counter
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence
from groundtrace_evaluators.shapes import ResponseToExpected

NGRAM_CHARS = (2, 3, 4)


class EmbeddingSimilarity(ResponseToExpected):
    """Cosine of two texts' character n-grams: 1 is the same text but for case and spacing, 0 nothing shared.

    Method: lexical, no model, under 1 ms. Both texts become counts of their runs of 2, 3 and 4
    characters, word borders included, dampened by 1 + ln n. On a case from a trace it compares the query
    with each passage and takes the best.

    Threshold: 0.5, not calibrated; two texts of very different length stay far below it.

    Limits: it sees spelling, not meaning, and its numbers must never be compared with an encoder's
    cosine; the method ``lexical`` marks them. Measured figures: ``docs/evaluators.md``.

    Source: character n-gram vectors, Damashek (1995, "Gauging similarity with n-grams").
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


def ngrams(text: str) -> Counter[str]:
    """How often each run of characters occurs, word borders marked by spaces.

    Case, compatibility forms and the amount of white space are ignored.
    """
    padded = f" {' '.join(unicodedata.normalize('NFKC', text).casefold().split())} "
    return Counter(
        padded[start : start + size] for size in NGRAM_CHARS for start in range(len(padded) - size + 1)
    )


def cosine(left: Counter[str], right: Counter[str]) -> float:
    """Cosine of two count vectors with dampened weights, in [0, 1]; 0.0 if either is empty.

    >>> cosine(ngrams("Bern"), ngrams("bern ")), cosine(ngrams("abc"), ngrams("xyz"))
    (1.0, 0.0)
    """
    if len(left) > len(right):
        left, right = right, left
    product = sum(_damped(count) * _damped(right[gram]) for gram, count in left.items() if gram in right)
    norms = math.sqrt(_square(left) * _square(right))
    return min(1.0, product / norms) if norms else 0.0


def _square(grams: Counter[str]) -> float:
    return sum(_damped(count) ** 2 for count in grams.values())


def _damped(count: int) -> float:
    return 1.0 + math.log(count)
