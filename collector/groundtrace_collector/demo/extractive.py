"""A chat model that answers with sentences of its context, word for word, and with nothing else."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

UNKNOWN: Final = "I do not know: the passages do not answer this."
QUESTION_MARK: Final = "\n\nQuestion: "  # what stands between the context and the question in the prompt
CHARS_PER_TOKEN: Final = 4

_LEAST_SHARE: Final = 0.15  # of the question's weight, which the best sentence must cover
_SECOND_SHARE: Final = 0.7  # of the best sentence's, which a further one must reach
_SENTENCES: Final = 3
_SENTENCE_CHARS: Final = 600

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'\u201c\u2018(*]*[A-Z])")
_WORD = re.compile(r"[a-z_][a-z0-9_]*|[^\w\s\"'`\u2018\u2019\u201c\u201d.,:;?!()*]+")
_BULLET = re.compile(r"^(?:\*|\d+\.) ")
_CODE = (">>>", "::=", "+--", "| ", "====", "----", "****", "~~~~")
_STOP_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """
        a about after all also although am an and another any anything are as ask at away be been before
        being both but by can could did do does each else even ever every first for from get give had has
        have having how i if in into is it its just like made make many me might more much must my no not
        nothing of on once one only or other our out over own same should so some something still such take
        than that the their them then there these they thing this those three to too two up us use used uses
        using very want was way we well were what when where which while who why will with without work
        would write yes yet you your
        """,
    )
)


class ExtractiveChatModel(BaseChatModel):
    """Answers with up to three sentences that stand in the prompt's context, or says it does not know.

    It weighs how much of the question each sentence covers, rare words more; it understands nothing.
    Token counts are estimates, one token for four characters, and are marked so in the response's
    metadata.
    """

    model_name: str = "extractive"

    @property
    def _llm_type(self) -> str:
        return "extractive"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        del stop, kwargs
        return LangSmithParams(ls_provider="local", ls_model_name=self.model_name, ls_model_type="chat")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager, kwargs
        context, _, question = messages[-1].text.rpartition(QUESTION_MARK)
        answer = best_sentences(question, context)
        prompt_tokens = sum(estimated_tokens(message.text) for message in messages)
        answer_tokens = estimated_tokens(answer)
        message = AIMessage(
            content=answer,
            usage_metadata=UsageMetadata(
                input_tokens=prompt_tokens,
                output_tokens=answer_tokens,
                total_tokens=prompt_tokens + answer_tokens,
            ),
            response_metadata={
                "model_name": self.model_name,
                "token_counts": f"estimated: characters / {CHARS_PER_TOKEN}",
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


def estimated_tokens(text: str) -> int:
    """About as many tokens as a language model would count, from the length alone."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def best_sentences(question: str, context: str) -> str:
    """The sentences of ``context`` that cover the question best, in their order, or ``UNKNOWN``."""
    sentences = list(dict.fromkeys(_sentences(context)))
    words = [_words(sentence) for sentence in sentences]
    asked = _words(question)
    if not asked or not sentences:
        return UNKNOWN
    weights = _weights(asked, words)
    total = sum(weights.values())
    shares = [sum(weights[word] for word in asked & known) / total for known in words]
    best = max(shares)
    if best < _LEAST_SHARE:
        return UNKNOWN
    fitting = sorted(range(len(shares)), key=lambda index: -shares[index])[:_SENTENCES]
    chosen = [index for index in sorted(fitting) if shares[index] >= _SECOND_SHARE * best]
    return " ".join(sentences[index] for index in chosen)


def _weights(asked: frozenset[str], sentences: Sequence[frozenset[str]]) -> dict[str, float]:
    """Inverse document frequency of the question's words among the sentences."""
    seen = Counter(word for known in sentences for word in known & asked)
    return {word: math.log(1 + len(sentences) / (1 + seen[word])) for word in asked}


def _sentences(context: str) -> list[str]:
    paragraphs = re.split(r"\n\s*\n", context)
    prose = [
        _BULLET.sub("", " ".join(paragraph.split()))
        for paragraph in paragraphs
        if not any(mark in paragraph for mark in _CODE)
    ]
    found = [sentence for paragraph in prose for sentence in _SENTENCE_END.split(paragraph)]
    return [
        sentence
        for sentence in found
        if " " in sentence and len(sentence) <= _SENTENCE_CHARS and sentence[-1] in ".!?"
    ]


def _words(text: str) -> frozenset[str]:
    return frozenset(
        _stem(word)
        for word in _WORD.findall(text.lower())
        if word not in _STOP_WORDS and (len(word) > 1 or not word.isalpha())
    )


def _stem(word: str) -> str:
    """Take the commonest English endings off, so that ``raises`` meets ``raised``."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
