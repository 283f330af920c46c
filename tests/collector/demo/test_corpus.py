"""The language reference in passages."""

import re
from collections import defaultdict
from collections.abc import Iterable

import pytest

from groundtrace_collector.demo.corpus import (
    FAMILIES,
    REST_FAMILY,
    Passage,
    doc_family,
    passages,
    plain,
    python_topics,
)


@pytest.fixture(scope="module")
def corpus() -> list[Passage]:
    return passages(python_topics())


def test_every_topic_of_this_python_has_a_family() -> None:
    assert {doc_family(topic) for topic in python_topics()} == set(FAMILIES)


def test_a_topic_that_a_later_python_adds_has_the_rest_family() -> None:
    added = passages({"pattern-guards": "Guards\n******\n\nA guard is an expression after a pattern.\n"})

    assert [(passage.id, passage.family) for passage in added] == [("pattern-guards#1", REST_FAMILY)]


def test_a_topic_that_a_python_lacks_changes_no_other_family(corpus: list[Passage]) -> None:
    fewer = {topic: text for topic, text in python_topics().items() if topic != "assert"}

    assert [p for p in passages(fewer) if p.topic == "raise"] == [p for p in corpus if p.topic == "raise"]


def test_ids_are_unique_and_the_same_in_every_run(corpus: list[Passage]) -> None:
    again = passages(dict(reversed(list(python_topics().items()))))

    assert again == corpus
    assert len({passage.id for passage in corpus}) == len(corpus)


def test_no_long_paragraph_stands_in_two_topics(corpus: list[Passage]) -> None:
    topics: dict[str, set[str]] = defaultdict(set)
    for passage in corpus:
        for paragraph in passage.text.split("\n\n"):
            topics[plain(paragraph)].add(passage.topic)

    assert [text for text, where in topics.items() if len(where) > 1 and len(text) >= 60] == []


def test_no_word_of_the_reference_is_lost(corpus: list[Passage]) -> None:
    assert _words(python_topics().values()) == _words(passage.text for passage in corpus)


def _words(texts: Iterable[str]) -> set[str]:
    """Words without marks; hyphens are where the reference was wrapped."""
    return {word for text in texts for word in re.findall(r"\w+", plain(text).replace("-", " "))}


def test_passages_are_long_enough_to_say_something_and_short_enough_to_read(corpus: list[Passage]) -> None:
    lengths = sorted(len(passage.text) for passage in corpus)

    assert lengths[0] > 40
    assert 300 < lengths[len(lengths) // 2] < 700
    assert lengths[-1] < 2_500


def test_prose_is_unwrapped_and_code_is_not() -> None:
    text = (
        "A sentence that goes on for longer than a line of the reference may\n"
        "be, so that it was wrapped there.\n"
        "\n"
        "   for i in range(10):\n"
        "       print(i)\n"
    )

    (passage,) = passages({"for": text})

    assert passage.text == (
        "A sentence that goes on for longer than a line of the reference may be, so that it was wrapped"
        " there.\n\n   for i in range(10):\n       print(i)"
    )


def test_wordings_compare_without_marks_case_and_line_breaks() -> None:
    assert plain('The "else"\n  clause\u2019s *suite*') == "the else clauses suite"
