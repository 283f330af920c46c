"""The model that answers with sentences of its context."""

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from groundtrace_collector.demo.chain import PROMPT
from groundtrace_collector.demo.extractive import (
    UNKNOWN,
    ExtractiveChatModel,
    best_sentences,
    estimated_tokens,
)
from groundtrace_evaluators import Groundedness
from groundtrace_evaluators.score import Status

CONTEXT = (
    'The "pass" statement\n********************\n\n'
    '"pass" is a null operation. It is useful as a placeholder when a statement is required.\n\n'
    ">>> pass  # a placeholder\n\n"
    "The break statement ends a loop."
)


def _answer(question: str, context: str = CONTEXT) -> AIMessage:
    reply = ExtractiveChatModel().invoke(PROMPT.invoke({"context": context, "question": question}))
    assert isinstance(reply, AIMessage)
    return reply


def test_the_answer_is_a_sentence_of_the_context_word_for_word() -> None:
    assert _answer("What is a placeholder?").content == (
        "It is useful as a placeholder when a statement is required."
    )


def test_it_says_that_it_does_not_know_when_nothing_fits() -> None:
    assert _answer("Who won the cup?").content == UNKNOWN
    assert _answer("What is a placeholder?", context="").content == UNKNOWN
    assert best_sentences("", CONTEXT) == UNKNOWN


def test_not_knowing_counts_as_an_abstention() -> None:
    assert Groundedness().evaluate(input=[CONTEXT], output=UNKNOWN).status is Status.ABSTAINED


def test_code_and_headings_are_never_an_answer() -> None:
    assert best_sentences("the pass statement", 'The "pass" statement\n********************') == UNKNOWN
    assert best_sentences("placeholder", ">>> pass  # a placeholder.") == UNKNOWN


def test_a_rare_word_of_the_question_weighs_more_than_a_common_one() -> None:
    context = "A statement ends. Another statement stands. A statement may use nonlocal. A statement is last."

    assert best_sentences("Which statement has nonlocal?", context) == "A statement may use nonlocal."


def test_sentences_come_in_the_order_of_the_context() -> None:
    context = "Loops can break early. Nothing else.\n\nA break leaves loops."

    assert best_sentences("break loops", context) == "Loops can break early. A break leaves loops."


def test_token_counts_are_there_and_say_that_they_are_estimates() -> None:
    messages = [SystemMessage("12345678"), HumanMessage(f"{CONTEXT}\n\nQuestion: What is a placeholder?")]
    reply = ExtractiveChatModel().invoke(messages)

    assert reply.usage_metadata is not None
    assert reply.usage_metadata["input_tokens"] == sum(estimated_tokens(message.text) for message in messages)
    assert reply.usage_metadata["output_tokens"] == estimated_tokens(reply.text)
    assert reply.response_metadata["token_counts"].startswith("estimated")
    assert reply.response_metadata["model_name"] == "extractive"
