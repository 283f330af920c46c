"""Groundedness: is everything that the answer says in its context?"""

import math
from collections.abc import Sequence
from typing import ClassVar

from groundtrace_evaluators.abstention import abstains, declines, frames
from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence, Status
from groundtrace_evaluators.sentences import split_sentences
from groundtrace_evaluators.shapes import ContextToAnswer
from groundtrace_evaluators.tokens import Token, tokenize
from groundtrace_evaluators.vocabulary import content, missing, vocabulary, weight


class Groundedness(ContextToAnswer):
    """How far the context supports the answer; 1 is fully, 0 not at all."""

    name: ClassVar[str] = "groundedness"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.CONTEXT, Field.ANSWER})

    def judge(self, case: Case) -> Verdict:
        """Weigh each sentence's missing words against the whole context and its best sentence."""
        sentences = split_sentences(case.answer or "")
        if abstains(sentences):
            return Verdict(status=Status.ABSTAINED, explanation="the answer declines to answer")
        claims = [
            (sentence, tokens)
            for sentence in sentences
            if not (declines(sentence) or frames(sentence)) and (tokens := content(tokenize(sentence)))
        ]
        if not claims:
            return Verdict(
                status=Status.NO_CLAIMS, explanation="the answer says nothing that could be checked"
            )
        return weigh(claims, case)


def weigh(claims: Sequence[tuple[str, list[Token]]], case: Case) -> Verdict:
    """The verdict on sentences that make claims."""
    query = vocabulary(tokenize(case.query or ""))
    places = [
        (index, vocabulary(tokenize(sentence)) | query)
        for index, passage in enumerate(case.context)
        for sentence in split_sentences(passage)
    ]
    everything = frozenset[str]().union(*(known for _, known in places))
    evidence = []
    lost = 0.0
    scattered = 0.0
    for sentence, tokens in claims:
        absent = missing(tokens, everything)
        lost += weight(absent)
        share, passage = min(
            (weight(missing(tokens, known)) / weight(tokens), index) for index, known in places
        )
        scattered += share / len(claims)
        evidence.append(
            Evidence(
                text=sentence,
                score=1.0 - share,
                supported=not absent,
                missing=tuple(dict.fromkeys(token.text for token in absent)),
                passage=passage,
            )
        )
    score = math.exp(-scattered) / (1.0 + lost)
    unsupported = sum(not piece.supported for piece in evidence)
    return Verdict(
        score=score,
        explanation=f"{unsupported} of {len(evidence)} sentences say something that the context does not",
        evidence=tuple(evidence),
    )
