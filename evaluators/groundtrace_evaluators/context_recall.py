"""ContextRecall: was everything retrieved that the expected answer says?"""

from typing import ClassVar

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.groundedness import Claim, claims_of
from groundtrace_evaluators.score import Evidence, Status
from groundtrace_evaluators.sentences import split_sentences
from groundtrace_evaluators.shapes import ExpectedToContext
from groundtrace_evaluators.support import Support, coverage

MAX_EVIDENCE = 50
"""How many sentences of the expected answer are kept as evidence."""


class ContextRecall(ExpectedToContext):
    """Mean over the sentences of the expected answer of the share of their words that the context holds.

    Method: lexical, version 2, no model, about 1 ms. Names and figures weigh double, everyday words half;
    what the query says need not be found. 1 is everything, 0 nothing. Evidence has each sentence with what is
    missing.

    An expected answer that holds nothing to look for (``Yes.``, or only the query's words) is ``NO_CLAIMS``.

    Threshold: 0.5, not calibrated.

    Limits: those of words: a passage that says it differently does not count, one that says the opposite does.
    A large context holds many words by chance. It says nothing about the answer that was given.

    Measured: AUROC 0.80 (0.75 to 0.85) on WiCE, whether the context supports a claim.

    Source: context recall of Es et al. (2023, "RAGAS"), with words in place of a judge.
    """

    name: ClassVar[str] = "context_recall"
    version: ClassVar[str] = "2"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.CONTEXT, Field.EXPECTED})

    def judge(self, case: Case) -> Verdict:
        """Look for each sentence of the expected answer in the context."""
        support = Support(case.context, case.query or "")
        claims = [
            claim
            for claim in claims_of(split_sentences(case.expected or ""))
            if support.telling(claim.tokens)
        ]
        if not claims:
            return Verdict(
                status=Status.NO_CLAIMS, explanation="the expected answer holds nothing to look for"
            )
        evidence = tuple(_find(claim, support) for claim in claims)
        found = sum(piece.supported for piece in evidence)
        missing = dict.fromkeys(word for piece in evidence for word in piece.missing)
        lacks = f"; missing: {', '.join(list(missing)[:5])}" if missing else ""
        return Verdict(
            score=sum(piece.score for piece in evidence) / len(evidence),
            explanation=f"{found} of {len(evidence)} expected sentences are in the context{lacks}",
            evidence=evidence[:MAX_EVIDENCE],
        )


def _find(claim: Claim, support: Support) -> Evidence:
    score = coverage(claim.tokens, support)
    _, passage = support.closest(claim.tokens)
    return Evidence(
        text=claim.text,
        score=score,
        supported=score >= ContextRecall.threshold,
        missing=tuple(dict.fromkeys(token.text for token in support.missing(claim.tokens))),
        passage=passage,
    )
