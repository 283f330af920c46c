"""ContextRelevance: is what was retrieved about the query?"""

from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence, Status
from groundtrace_evaluators.shapes import QueryToContext
from groundtrace_evaluators.tokens import tokenize
from groundtrace_evaluators.vocabulary import content, missing, vocabulary, weight


class ContextRelevance(QueryToContext):
    """Share of the query's content that the best passage covers; 1 is all of it."""

    name: ClassVar[str] = "context_relevance"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.QUERY, Field.CONTEXT})

    def judge(self, case: Case) -> Verdict:
        """Cover the query's content words by each passage, and take the best."""
        terms = content(tokenize(case.query or ""))
        if not terms:
            return Verdict(status=Status.NO_CLAIMS, explanation="the query holds no content words")
        evidence = []
        for index, passage in enumerate(case.context):
            absent = missing(terms, vocabulary(tokenize(passage)))
            score = 1.0 - weight(absent) / weight(terms)
            evidence.append(
                Evidence(
                    text=passage,
                    score=score,
                    supported=score >= self.threshold,
                    missing=tuple(dict.fromkeys(token.text for token in absent)),
                    passage=index,
                )
            )
        return Verdict(score=max(piece.score for piece in evidence), evidence=tuple(evidence))
