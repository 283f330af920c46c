"""AnswerRelevance: does the answer speak to the question?"""

import re
from collections.abc import Sequence
from typing import ClassVar

from groundtrace_evaluators.abstention import abstains
from groundtrace_evaluators.answer_type import answer_kind
from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.context_relevance import ANSWER_WEIGHT, TERM_WEIGHTS
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.references import without_citations
from groundtrace_evaluators.score import Evidence, Status, excerpt
from groundtrace_evaluators.sentences import split_sentences
from groundtrace_evaluators.shapes import QueryToAnswer
from groundtrace_evaluators.support import content
from groundtrace_evaluators.tokens import Kind, Token, tokenize

SHORT_ANSWER_WORDS = 5
"""An answer of so few words leaves out what the question said: ``Paris``, ``In June 2016``."""

_YES_NO_QUESTION = re.compile(
    r"^\W*(?:is|are|was|were|am|do|does|did|can|could|will|would|should|shall|may|might|must|has|have|had)\b[^?]*\??$",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"^\W*(?:yes|no|yeah|nope|correct|indeed|certainly|not)\b", re.IGNORECASE)


class AnswerRelevance(QueryToAnswer):
    """Share of the query that the answer speaks to: 1 is all of it, 0 nothing.

    Method: lexical, version 2, no model, about 1 ms. The query's content words, everyday words at half
    weight, are looked for in the answer; a question for a figure, a name (when, how many, who, where) or a
    yes or no also wants one. A short answer leaves out what the question said, so the sentence of the context
    that it comes from speaks for it; without context, only the wanted figure, name, or yes and no can tell.

    An answer that only declines is ``ABSTAINED``; a query without content words, or a short answer of which
    nothing can be told, is ``NO_CLAIMS``.

    Threshold: 0.5, not calibrated.

    Limits: it tells whether the answer is about the question, not whether it is right or complete; an answer in
    other words, or in another language than the query, scores low. Padding is not held against it. Question
    words are English only.

    Measured: AUROC 0.74 (0.70 to 0.78) on WikiQA's sentences, which stand in for answers: no human-labelled
    set of answers was at hand.

    Source: as ContextRelevance, with ellipsis resolved from the context.
    """

    name: ClassVar[str] = "answer_relevance"
    version: ClassVar[str] = "2"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.QUERY, Field.ANSWER})

    def judge(self, case: Case) -> Verdict:
        """Look for the query's words and for the kind of answer that it wants."""
        query, sentences = case.query or "", split_sentences(case.answer or "")
        if abstains(sentences):
            return Verdict(status=Status.ABSTAINED, explanation="the answer declines to answer")
        terms = list({token.form: token for token in tokenize(query) if content([token])}.values())
        if not terms:
            return Verdict(status=Status.NO_CLAIMS, explanation="the query holds no content words")
        answer = without_citations(case.answer or "")
        tokens = tokenize(answer)
        short = len(tokens) <= SHORT_ANSWER_WORDS
        spoken = {token.form for token in tokens}
        if short:
            spoken |= backing(tokens, case.context)
        given = gives_what_is_wanted(query, answer, tokens, {term.form for term in terms})
        missing = [term for term in terms if term.form not in spoken]
        if short and not case.has(Field.CONTEXT) and len(missing) == len(terms):
            return _elliptic(answer, given=given)
        return _verdict(terms, missing, answer, given=given)


def gives_what_is_wanted(query: str, answer: str, tokens: Sequence[Token], asked: set[str]) -> bool | None:
    """Whether the answer holds the figure, name, or yes or no that the question wants; None if it wants none.

    >>> gives_what_is_wanted("Is it open?", "Yes.", [], set()), gives_what_is_wanted("Why?", "So.", [], set())
    (True, None)
    """
    wanted = answer_kind(query)
    if wanted is None:
        return True if _YES_NO_QUESTION.match(query) and _YES_NO.match(answer) else None
    if wanted is Kind.NAME and (answer == answer.lower() or len(tokens) <= SHORT_ANSWER_WORDS):
        # Without capitals, or where the only word opens the sentence, any word may be the name.
        return any(token.form not in asked for token in content(tokens))
    return any(token.kind is wanted and token.form not in asked for token in tokens)


def backing(tokens: Sequence[Token], context: Sequence[str]) -> set[str]:
    """The forms of the context sentence that a short answer comes from: the one that shares most with it."""
    wanted = {token.form for token in content(tokens)}
    best: set[str] = set()
    shared = 0
    for sentence in (sentence for passage in context for sentence in split_sentences(passage)):
        found = {token.form for token in tokenize(sentence)}
        if len(found & wanted) > shared:
            best, shared = found, len(found & wanted)
    return best


def _elliptic(answer: str, *, given: bool | None) -> Verdict:
    if given is None:
        return Verdict(
            status=Status.NO_CLAIMS, explanation="the answer is too short to tell what it is about"
        )
    piece = Evidence(text=excerpt(answer), score=float(given), supported=given)
    words = "gives the kind of answer" if given else "lacks the kind of answer"
    return Verdict(
        score=float(given), explanation=f"a short answer that {words} asked for", evidence=(piece,)
    )


def _verdict(
    terms: Sequence[Token],
    missing: Sequence[Token],
    answer: str,
    *,
    given: bool | None,
) -> Verdict:
    total = sum(TERM_WEIGHTS[term.kind] for term in terms)
    found = total - sum(TERM_WEIGHTS[term.kind] for term in missing)
    lacks = list(dict.fromkeys(term.text for term in missing))
    if given is not None:
        total += ANSWER_WEIGHT
        found += ANSWER_WEIGHT * given
        lacks += [] if given else ["the kind of answer asked for"]
    score = min(1.0, max(0.0, found / total))
    shown = f"; it lacks: {', '.join(lacks[:8])}" if lacks else ""
    piece = Evidence(
        text=excerpt(answer), score=score, supported=score >= AnswerRelevance.threshold, missing=tuple(lacks)
    )
    return Verdict(
        score=score, explanation=f"the answer speaks to {score:.0%} of the query{shown}", evidence=(piece,)
    )
