# ruff: noqa: RUF001 - other scripts are the point here
"""The parts that read text: tokens, sentences, abstention, citations."""

import doctest
import importlib
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import groundtrace_evaluators
from groundtrace_evaluators.answer_type import answer_kind
from groundtrace_evaluators.sentences import MAX_SENTENCE_CHARS, split_sentences
from groundtrace_evaluators.tokens import Kind, tokenize

MODULES = [module.name for module in pkgutil.iter_modules(groundtrace_evaluators.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_hold(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(f"groundtrace_evaluators.{name}"))
    assert failed == 0


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        pytest.param("5.6m in the 1990s", ["5.6", "m", "in", "the", "1990", "s"], id="units and decades"),
        pytest.param("the 21st, 22nd", ["the", "21", "22"], id="ordinals"),
        pytest.param("a 46-26 win", ["a", "46", "26", "win"], id="results of games"),
        pytest.param("twenty men", ["20", "man"], id="number words"),
        pytest.param("twenty-five, 12.2 million", ["25", "12200000"], id="numbers of several words"),
        pytest.param("two hundred thousand", ["200000"], id="magnitudes multiply"),
        pytest.param("five 2 million bets", ["5", "2000000", "bet"], id="numbers that only stand together"),
        pytest.param("3.1.2 million", ["3.1.2", "1000000"], id="a version is no figure"),
        pytest.param("5% at 20 °C", ["5", "perce", "at", "20", "degre", "celsi"], id="symbols"),
        pytest.param("degrees, percent", ["degre", "perce"], id="what symbols stand for"),
        pytest.param("went going", ["go", "go"], id="irregular forms"),
        pytest.param("20 mins in Nov.", ["20", "minut", "in", "novem"], id="abbreviations"),
        pytest.param("U.S. law", ["us", "law"], id="initials"),
        pytest.param("Ray's dogs", ["ray", "dog"], id="possessive and plural"),
        pytest.param("iPhone12", ["iphon"], id="letters with digits"),
        pytest.param("北京の人", ["北京", "京の", "の人"], id="pairs of characters"),
        pytest.param("हिन्दी", ["हिन्दी"[:5]], id="marks belong to the word"),
        pytest.param("والكتاب الكتاب", ["كتاب", "كتاب"], id="Arabic article"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_tokens_are_compared_by_form(text: str, forms: list[str]) -> None:
    assert [token.form for token in tokenize(text)] == forms


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("He met Ray", Kind.NAME, id="capital inside"),
        pytest.param("It ended. Rain", Kind.WORD, id="capital after a stop"),
        pytest.param("he saw NASA", Kind.NAME, id="capitals throughout"),
        pytest.param("about 40", Kind.NUMBER, id="digits"),
        pytest.param("about forty", Kind.NUMBER, id="large number word"),
        pytest.param("the second", Kind.COMMON, id="small number word"),
        pytest.param("very important", Kind.COMMON, id="everyday word"),
        pytest.param("look at", Kind.FUNCTION, id="function word"),
    ],
)
def test_the_last_word_has_this_kind(text: str, kind: Kind) -> None:
    assert tokenize(text)[-1].kind is kind


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("Dr. No left. He ran.", ["Dr. No left.", "He ran."], id="abbreviation"),
        pytest.param("It fell 3.5 points. OK.", ["It fell 3.5 points.", "OK."], id="decimal"),
        pytest.param("1. Open it. Wait.\n2. Go", ["Open it.", "Wait.", "Go"], id="numbered list"),
        pytest.param("* one\n\n- two", ["one", "two"], id="bullets"),
        pytest.param(
            "no capitals here. none at all.", ["no capitals here.", "none at all."], id="no capitals"
        ),
        pytest.param("你好。再见！好", ["你好。", "再见！", "好"], id="full-width stops"),
        pytest.param("यह घर है। वह पेड़ है।", ["यह घर है।", "वह पेड़ है।"], id="danda"),
        pytest.param("7.", ["7."], id="only a number"),
        pytest.param(" \n ", [], id="nothing"),
    ],
)
def test_text_is_split_into_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_text_without_stops_is_cut_into_pieces() -> None:
    assert max(map(len, split_sentences("word " * 10_000))) <= MAX_SENTENCE_CHARS


@given(st.text(max_size=400))
def test_splitting_loses_no_word(text: str) -> None:
    marks = set("-*\u2022\u00b7#>+()[].")
    kept = {word for sentence in split_sentences(text) for word in sentence.split()}
    lost = {word for word in text.split() if word not in kept and not set(word) <= marks}
    assert all(len(word) <= 5 or not word.isalpha() for word in lost if word.isascii())


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("how many people live there", Kind.NUMBER),
        ("what year did it start", Kind.NUMBER),
        ("where is it", Kind.NAME),
        ("which country won", Kind.NAME),
        ("how do I reset it", None),
        ("wie viele Leute wohnen dort", None),
    ],
)
def test_question_words_tell_what_is_wanted(query: str, kind: Kind | None) -> None:
    assert answer_kind(query) is kind
