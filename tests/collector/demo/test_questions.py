"""The demo's questions and where the language reference answers them."""

import sys
from collections import Counter

import pytest

from groundtrace_collector.demo.corpus import FAMILIES, Passage, doc_family, passages, plain, python_topics
from groundtrace_collector.demo.questions import (
    MOST_GOLD,
    Question,
    WrittenQuestion,
    answerable,
    gold_passages,
    written_questions,
)

LEAST_PAIRS = 20  # fewer are "insufficient data", whatever they show


@pytest.fixture(scope="module")
def corpus() -> list[Passage]:
    return passages(python_topics())


@pytest.fixture(scope="module")
def questions(corpus: list[Passage]) -> list[Question]:
    return answerable(written_questions(), corpus)


def test_every_question_is_answered_where_it_says(corpus: list[Passage]) -> None:
    texts = {passage.id: plain(passage.text) for passage in corpus}
    reworded = [
        item.text
        for item in written_questions()
        for passage_id in gold_passages(item, corpus)
        if not any(phrase in texts[passage_id] for _, phrase in item.gold)
    ]

    # The phrases are those of 3.11.2 to 3.13; a later Python may word a few answers differently.
    assert len(set(reworded)) <= (0 if sys.version_info < (3, 14) else 18), reworded


def test_phrases_are_written_as_they_are_compared() -> None:
    for item in written_questions():
        for _, phrase in item.gold:
            assert phrase == plain(phrase)


def test_each_gold_topic_is_one_that_has_a_family() -> None:
    for item in written_questions():
        assert {doc_family(topic) for topic, _ in item.gold} <= set(FAMILIES), item.text


def test_each_family_has_enough_questions_for_a_verdict(questions: list[Question]) -> None:
    families = Counter(question.family for question in questions)

    assert len(questions) >= 130
    assert set(families) == set(FAMILIES)
    assert min(families.values()) >= LEAST_PAIRS


def test_the_questions_are_of_every_kind_and_length(questions: list[Question]) -> None:
    assert len({question.kind for question in questions}) == 6
    assert min(Counter(question.query_length for question in questions).values()) >= 20


def test_no_question_is_asked_twice(questions: list[Question]) -> None:
    assert len({plain(question.text) for question in questions}) == len(questions)
    assert len({question.id for question in questions}) == len(questions)


def test_questions_are_not_sentences_of_the_reference(
    questions: list[Question], corpus: list[Passage]
) -> None:
    whole = " ".join(plain(passage.text) for passage in corpus)

    copied = [q.text for q in questions if len(q.text.split()) > 4 and plain(q.text).rstrip("?.") in whole]
    assert copied == []


def test_gold_is_a_few_passages_so_that_recall_at_5_can_reach_1(questions: list[Question]) -> None:
    assert max(len(question.gold) for question in questions) <= MOST_GOLD


def test_a_python_that_words_the_answer_differently_falls_back_to_the_topic(corpus: list[Passage]) -> None:
    item = WrittenQuestion(text="What is pass for?", kind="what-is", gold=(("pass", "does nothing at all"),))

    assert gold_passages(item, corpus) == [passage.id for passage in corpus if passage.topic == "pass"]


def test_a_question_whose_topic_is_gone_is_left_out(corpus: list[Passage]) -> None:
    item = WrittenQuestion(text="What was print?", kind="what-is", gold=(("print", "a statement"),))

    assert answerable([item], corpus) == []


@pytest.mark.parametrize(
    ("words", "length"), [(1, "short"), (6, "short"), (7, "medium"), (14, "medium"), (15, "long")]
)
def test_query_length_goes_by_words(words: int, length: str) -> None:
    question = Question(
        id="q",
        text=" ".join(["word"] * words),
        kind="lookup",
        topic="for",
        family="statements",
        gold=("for#1",),
    )

    assert question.query_length == length
