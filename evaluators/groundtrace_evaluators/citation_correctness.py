"""CitationCorrectness: does each cited passage say what it is cited for?"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from groundtrace_evaluators.abstention import declines, frames
from groundtrace_evaluators.case import Case, Field, passages_of, strings
from groundtrace_evaluators.citations import CitedSentence, Passages, cited_sentences
from groundtrace_evaluators.evaluator import Evaluator, Verdict
from groundtrace_evaluators.score import Evidence, Score, Status
from groundtrace_evaluators.support import Support, content, coverage
from groundtrace_evaluators.tokens import Token, tokenize

MAX_EVIDENCE = 50
"""How many cited sentences are kept as evidence, the first of a longer answer."""


class Cited(NamedTuple):
    """A sentence that cites, with its tokens."""

    sentence: CitedSentence
    tokens: list[Token]


class CitationCorrectness(Evaluator):
    """Mean over the cited sentences of the share of their words that the passages they cite hold.

    Method: lexical, version 2, no model, about 1 ms. Marks such as ``[1]``, ``[2, 3]``, ``(Source 2)`` and
    ``[doc-17]`` are read as ids where ``context_ids`` has them, else as places counted from 1, and belong to
    the sentence they stand in or right behind. Names and figures weigh double, everyday words half; what the
    query says need not be found. A mark that names no passage counts as an unsupported one. The explanation
    also says how many sentences cite nothing, and which passage would have been right.

    An answer that cites nothing is ``NO_CLAIMS``, one that declines ``ABSTAINED``.

    Threshold: 0.5, not calibrated; on WiCE it told the right evidence from other sentences of the page with a
    balanced accuracy of 0.94.

    Limits: those of words: no negation, no swapped roles, paraphrase is marked down. A superfluous mark beside
    a right one is not seen, nor is a claim that should have been cited held against the answer.

    Measured: AUROC 0.99 for citing the right evidence rather than other sentences of the page (WiCE,
    constructed), 0.78 (0.73 to 0.83) for claims that it supports rather than supports in part.

    Source: citation recall of Gao et al. (2023, "Enabling Large Language Models to Generate Text with
    Citations", ALCE), with words in place of an entailment model.
    """

    name: ClassVar[str] = "citation_correctness"
    version: ClassVar[str] = "2"
    method: ClassVar[str] = "lexical"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.CONTEXT, Field.ANSWER})

    def evaluate(
        self,
        *,
        input: str | Sequence[str],  # noqa: A002 - the field's word
        output: str,
        ids: Sequence[str] = (),
        query: str | None = None,
    ) -> Score:
        """Score the citations of the answer ``output`` to the context ``input``.

        ``ids`` are the passages' ids, in their order. Raises TypeError for anything but strings, ValueError
        when there are not as many ids as passages.
        """
        return self.evaluate_case(_case(input, output, ids, query))

    async def aevaluate(
        self,
        *,
        input: str | Sequence[str],  # noqa: A002 - the field's word
        output: str,
        ids: Sequence[str] = (),
        query: str | None = None,
    ) -> Score:
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(_case(input, output, ids, query))

    def judge(self, case: Case) -> Verdict:
        """Weigh each cited sentence against the passages that it names."""
        named = Passages(len(case.context), case.context_ids)
        claims = [
            Cited(sentence, tokenize(sentence.text))
            for sentence in cited_sentences(case.answer or "", named)
            if not declines(sentence.text) and not frames(sentence.text)
        ]
        claims = [claim for claim in claims if content(claim.tokens)]
        cited = [claim for claim in claims if claim.sentence.cites]
        if not cited:
            return _nothing_cited(claims)
        indexes: dict[tuple[int, ...], Support] = {}
        evidence = tuple(_weigh(claim, case, indexes) for claim in cited)
        return Verdict(
            score=sum(piece.score for piece in evidence) / len(evidence),
            explanation=_explain(cited, evidence, case, uncited=len(claims) - len(cited)),
            evidence=evidence[:MAX_EVIDENCE],
        )


def _nothing_cited(claims: Sequence[Cited]) -> Verdict:
    if claims:
        return Verdict(status=Status.NO_CLAIMS, explanation="the answer cites nothing")
    return Verdict(status=Status.ABSTAINED, explanation="the answer declines or says nothing to cite for")


def _weigh(claim: Cited, case: Case, indexes: dict[tuple[int, ...], Support]) -> Evidence:
    """The share of a sentence that the passages it cites hold, unknown ones counted as holding nothing."""
    sentence = claim.sentence
    key = tuple(sorted(sentence.passages))
    if key not in indexes:
        indexes[key] = Support([case.context[place] for place in key], case.query or "")
    support = indexes[key]
    known = len(sentence.passages) / (len(sentence.passages) + len(sentence.unknown))
    score = coverage(claim.tokens, support) * known if key else 0.0
    _, closest = support.closest(claim.tokens)
    missing = dict.fromkeys(token.text for token in support.missing(claim.tokens))
    return Evidence(
        text=sentence.text,
        score=score,
        supported=score >= CitationCorrectness.threshold,
        missing=(*(f"[{name}]" for name in sentence.unknown), *missing),
        passage=key[closest or 0] if key else None,
    )


def _explain(cited: Sequence[Cited], evidence: Sequence[Evidence], case: Case, *, uncited: int) -> str:
    """One line for people: how many hold, what is not there, and where the first wrong one should point."""
    wrong = [claim for claim, piece in zip(cited, evidence, strict=True) if not piece.supported]
    parts = [f"{len(cited) - len(wrong)} of {len(cited)} cited sentences stand in what they cite"]
    unknown = dict.fromkeys(name for claim in cited for name in claim.sentence.unknown)
    if unknown:
        parts.append(f"not in the context: {', '.join(f'[{name}]' for name in list(unknown)[:5])}")
    if wrong and (right := _right_passage(wrong[0], case)) is not None:
        parts.append(f"passage {right + 1} says: {wrong[0].sentence.text[:80]}")
    if uncited:
        parts.append(f"{uncited} {'sentence cites' if uncited == 1 else 'sentences cite'} nothing")
    return "; ".join(parts)


def _right_passage(claim: Cited, case: Case) -> int | None:
    """Index of the passage that supports the claim best, where one does."""
    shares = [coverage(claim.tokens, Support([text], case.query or "")) for text in case.context]
    best = max(range(len(shares)), key=shares.__getitem__)
    return best if shares[best] >= CitationCorrectness.threshold else None


def _case(context: str | Sequence[str], answer: str, ids: Sequence[str], query: str | None) -> Case:
    return Case(query=query, context=passages_of(context), context_ids=strings(ids, "ids"), answer=answer)
