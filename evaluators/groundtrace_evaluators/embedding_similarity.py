"""EmbeddingSimilarity: how alike are two texts?"""

import math
from collections import Counter
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence, Status, excerpt
from groundtrace_evaluators.shapes import ResponseToExpected
from groundtrace_evaluators.tokens import words
from groundtrace_evaluators.wordlists import FUNCTION_WORDS

NGRAM_CHARS = (2, 3, 4)


class EmbeddingSimilarity(ResponseToExpected):
    """Cosine of two texts' character n-grams: 1 for the same words, 0 for nothing shared.

    Method: lexical, no model, under 1 ms. Both texts become counts of their runs of 2, 3 and 4
    characters inside words, English function words aside, dampened by 1 + ln n. On a case from a trace
    it compares the query with each passage and takes the best.

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
        if not response:
            return Verdict(status=Status.NO_CLAIMS, explanation="the text to compare holds no words")
        similarities = [cosine(response, ngrams(passage)) for passage in case.context]
        evidence = tuple(
            Evidence(text=excerpt(passage), score=score, supported=score >= self.threshold, passage=index)
            for index, (passage, score) in enumerate(zip(case.context, similarities, strict=True))
        )
        return Verdict(score=max(similarities), evidence=evidence)


def ngrams(text: str) -> Counter[str]:
    """How often each run of characters occurs inside the words, whose ends are marked by spaces.

    Case, compatibility forms, punctuation and English function words are ignored; a text of function words
    alone keeps them.
    """
    every = words(text)
    kept = [word for word in every if word not in FUNCTION_WORDS] or every
    grams: Counter[str] = Counter()
    for word in kept:
        padded = f" {word} "
        for size in NGRAM_CHARS:
            grams.update(padded[start : start + size] for start in range(len(padded) - size + 1))
    return grams


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
