"""ContextRelevance: is what was retrieved about the query?"""

from collections.abc import Sequence
from typing import ClassVar

from groundtrace_evaluators.answer_type import answer_kind
from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.encoders import CrossEncoder, EncoderFailedError, failed
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence, Status, excerpt
from groundtrace_evaluators.shapes import QueryToContext
from groundtrace_evaluators.tokens import Kind, Token, tokenize

TERM_WEIGHTS = {Kind.NAME: 1.0, Kind.NUMBER: 1.0, Kind.WORD: 1.0, Kind.COMMON: 0.5, Kind.FUNCTION: 0.0}
"""What it is worth to find a word of the query; names count no more, people type queries without capitals."""

ANSWER_WEIGHT = 1.0
"""The answer that the question asks for (a figure, a name) counts as one more word to find."""


class ContextRelevance(QueryToContext):
    """Share of the query that the best passage covers: 1 is all of it, 0 nothing.

    Method: lexical, version 2, no model, under 1 ms. The query's content words, everyday words at half
    weight, are looked for in each passage; a question that asks for a figure or a name (when, how many, who,
    where) also wants a figure or name in the passage that the question does not give. The score is the best
    passage's; evidence has every passage, best first by retrieval, with the words it lacks.

    A query without content words is ``NO_CLAIMS``.

    With ``cross_encoder`` (``onnx_cross_encoder``) a model reads the query with each passage instead;
    method and version carry its fingerprint, the evidence lacks no words, and a failing one gives its
    status.

    Threshold: 0.5, not calibrated.

    Limits: a passage that says the same in other words scores 0; a long passage covers more by chance;
    a passage on the subject that does not answer still scores high. Question words are English only.
    Scores of different languages are not on one scale.

    Measured: AUROC 0.74 (0.70 to 0.79) on WikiQA, whether a sentence answers the question, and 0.86 with an
    ms-marco-MiniLM-L-12 cross-encoder; 0.96 to 1.00 on XQuAD's paragraphs in six languages.

    Source: query-term coverage (coordination level matching, Cleverdon 1966), with expected answer types
    as in question answering (Li and Roth, 2002).
    """

    name: ClassVar[str] = "context_relevance"
    version: ClassVar[str] = "2"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.QUERY, Field.CONTEXT})

    def __init__(self, *, cross_encoder: CrossEncoder | None = None) -> None:
        self._cross_encoder = cross_encoder
        if cross_encoder is not None:
            self.version = f"{type(self).version}+{cross_encoder.fingerprint}"  # type: ignore[misc]
            self.method = f"cross-encoder:{cross_encoder.fingerprint}"  # type: ignore[misc]

    def most_usd(self, case: Case) -> float | None:  # noqa: ARG002 - no encoder tells its price
        """Nothing, or not known where the encoder is not free."""
        return 0.0 if self._cross_encoder is None or self._cross_encoder.is_free else None

    def judge(self, case: Case) -> Verdict:
        """Cover the query by each passage, or have them read together, and take the best."""
        query = case.query or ""
        if self._cross_encoder is not None:
            return read_together(self._cross_encoder, query, case.context, threshold=self.threshold)
        terms = {token.form: token for token in tokenize(query) if token.kind is not Kind.FUNCTION}
        if not terms:
            return Verdict(status=Status.NO_CLAIMS, explanation="the query holds no content words")
        wanted = answer_kind(query)
        evidence = tuple(
            cover(list(terms.values()), wanted, passage, index) for index, passage in enumerate(case.context)
        )
        rank, best = max(enumerate(evidence, start=1), key=lambda ranked: ranked[1].score)
        lacks = f"; it lacks: {', '.join(best.missing)}" if best.missing else ""
        return Verdict(
            score=best.score,
            explanation=f"passage {rank} covers {best.score:.0%} of the query{lacks}",
            evidence=evidence,
        )


def read_together(
    cross_encoder: CrossEncoder, query: str, passages: Sequence[str], *, threshold: float
) -> Verdict:
    """The cross-encoder's verdict: the best passage's score, with that of each."""
    try:
        scores = cross_encoder.scores(query, passages)
    except EncoderFailedError as failure:
        return failed(failure, free=cross_encoder.is_free)
    evidence = tuple(
        Evidence(text=excerpt(passage), score=score, supported=score >= threshold, passage=index)
        for index, (passage, score) in enumerate(zip(passages, scores, strict=True))
    )
    return Verdict(score=max(scores), evidence=evidence, cost_usd=0.0 if cross_encoder.is_free else None)


def cover(terms: Sequence[Token], wanted: Kind | None, passage: str, index: int) -> Evidence:
    """How much of the query's terms, and of the wanted kind of answer, one passage holds."""
    tokens = tokenize(passage)
    forms = {token.form for token in tokens}
    absent = [term for term in terms if term.form not in forms]
    total = sum(TERM_WEIGHTS[term.kind] for term in terms)
    found = total - sum(TERM_WEIGHTS[term.kind] for term in absent)
    lacks = list(dict.fromkeys(term.text for term in absent))
    # Text without a single capital gives no names away, so none can be asked of it.
    if wanted is Kind.NUMBER or (wanted is Kind.NAME and passage != passage.lower()):
        asked = {term.form for term in terms}
        total += ANSWER_WEIGHT
        if any(token.kind is wanted and token.form not in asked for token in tokens):
            found += ANSWER_WEIGHT
        else:
            lacks.append(f"a {wanted.value}")
    score = min(1.0, max(0.0, found / total))
    return Evidence(
        text=excerpt(passage),
        score=score,
        supported=score >= ContextRelevance.threshold,
        missing=tuple(lacks),
        passage=index,
    )
