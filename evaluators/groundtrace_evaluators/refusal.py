"""Refusal: does the answer decline to answer?"""

import re
from typing import ClassVar

from groundtrace_evaluators.abstention import declines
from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Direction, Evaluator, Verdict
from groundtrace_evaluators.groundedness import claims_of
from groundtrace_evaluators.score import Evidence, Score, Status
from groundtrace_evaluators.sentences import split_sentences

_CANNOT = (
    r"(?:cannot|can not|can['\u2019]?t|won['\u2019]?t|will not"
    r"|(?:am|are|['\u2019]m|['\u2019]re) (?:not able|unable|not allowed|not permitted|not in a position) to"
    r"|(?:must|have to|need to|will have to) decline to|decline to|refuse to)"
)
_DO = (
    r"(?:assist|help|comply|provide|discuss|answer|share|support|fulfil|fulfill|continue|do (?:that|this|so)|engage"
    r"|offer|give|create|generate|write|recommend|advise|comment|speculate|disclose|reveal)"
)
_POLICY = re.compile(
    rf"\b(?:i|we)(?: (?:am|are) sorry)?(?:,? but)?(?: i| we)? ?{_CANNOT} (?:be able to )?{_DO}\b"
    r"|\b(?:against|violates?|outside) (?:my|our|the) (?:\w+ )?(?:polic(?:y|ies)|guidelines|scope|terms)\b"
    r"|\b(?:i['\u2019]?m|i am) not comfortable (?:with )?\w+ing\b"
    # German, French, Spanish, Italian, Portuguese, Russian.
    r"|\bkann ich (?:\w+ ){0,3}nicht (?:\w+ )?(?:helfen|beantworten|weiterhelfen)|\bich kann (?:\w+ ){0,4}nicht "
    r"(?:\w+ )?(?:helfen|beantworten|weiterhelfen)"
    r"|\bje ne peux pas (?:\w+ |\w+['\u2019])?(?:aider|répondre|fournir)|\bno puedo (?:ayudar|responder|proporcionar)"
    r"|\bnon posso (?:aiutar|risponder|fornir)|\bnão posso (?:ajudar|responder|fornecer)"
    "|не могу (?:вам )?(?:помочь|ответить|предоставить)"
    # Chinese, Japanese, Korean, Arabic, Hindi, Thai.
    "|(?:无法|不能|不便)(?:为您|为你)?(?:提供|回答|帮助|协助)|(?:お答え|お手伝い|対応|提供)(?:は)?できません"
    "|(?:도와드릴|답변할|제공할|답변드릴) 수 없|لا (?:أستطيع|يمكنني)|(?:मदद|उत्तर|सहायता) नहीं (?:कर|दे) सकत"
    "|ไม่สามารถ(?:ช่วย|ตอบ|ให้)",
    re.IGNORECASE,
)
_MAX_CHARS = 2_000


class Refusal(Evaluator):
    """Share of the answer's sentences that decline to answer: 1 is a refusal, 0 an answer.

    Method: lexical, version 1, under 1 ms: patterns for not knowing (``I don't know``, ``the context does not
    mention it``) and for not being willing or allowed (``I can't help with that``), in English and, fewer, in
    eleven other languages. Greetings and offers do not count. The label says ``refusal``, ``partial`` or
    ``answer``.

    Lower is better: its mean is the refusal rate. Where the context holds no answer, refusing is right: read it
    beside context_relevance.

    Threshold: 0.5, above it fails; not calibrated.

    Limits: refusals put in other words, or in a language that is not listed, read as answers; a sentence that
    reports somebody's refusal may read as one.

    Measured: not on human labels, none were at hand; only the patterns are tested.

    Source: our own list.
    """

    name: ClassVar[str] = "refusal"
    version: ClassVar[str] = "1"
    method: ClassVar[str] = "lexical"
    direction: ClassVar[Direction] = "lower"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.ANSWER})

    def evaluate(self, *, output: str) -> Score:
        """Score the answer ``output``. Raises TypeError for anything but a string."""
        return self.evaluate_case(Case(answer=output))

    async def aevaluate(self, *, output: str) -> Score:
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(Case(answer=output))

    def judge(self, case: Case) -> Verdict:
        """Count the sentences that decline against those that say something."""
        sentences = split_sentences(case.answer or "")
        declined = [sentence for sentence in sentences if refuses(sentence)]
        claims = claims_of([sentence for sentence in sentences if not refuses(sentence)])
        if not sentences:
            return Verdict(status=Status.NO_CLAIMS, explanation="the answer holds no sentence")
        share = len(declined) / (len(declined) + len(claims)) if declined else 0.0
        label = "refusal" if share == 1.0 else "partial" if share else "answer"
        return Verdict(
            score=share,
            label=label,
            explanation=f"{len(declined)} of {len(declined) + len(claims)} sentences decline to answer",
            evidence=tuple(Evidence(text=text, score=1.0, supported=False) for text in declined[:50]),
        )


def refuses(sentence: str) -> bool:
    """Whether the sentence says that it cannot, may not or will not answer.

    >>> refuses("I'm sorry, but I can't help with that."), refuses("You can't park here.")
    (True, False)
    """
    return declines(sentence) or _POLICY.search(sentence[:_MAX_CHARS]) is not None
