# ruff: noqa: RUF001 - other scripts are the point here
"""AnswerRelevance, Refusal and CacheIntentMatch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_evaluators import AnswerRelevance, CacheIntentMatch, Refusal, Status

CONTEXT = ("Paris is the capital of France. It lies on the Seine.", "Rome is the capital of Italy.")


def relevance(query: str, answer: str, *context: str) -> float:
    score = AnswerRelevance().evaluate(input=query, output=answer, context=context)
    assert score.score is not None, score
    return score.score


@pytest.mark.parametrize(
    ("query", "answer", "context", "expected"),
    [
        pytest.param("capital of France", "Its capital is Paris; France chose it.", (), 1.0, id="all of it"),
        pytest.param("capital of France", "Bananas are grown in warm countries.", (), 0.0, id="nothing"),
        pytest.param("What is the capital of France?", "Paris", CONTEXT, 1.0, id="short, from the context"),
        pytest.param("What is the capital of France?", "Rome", CONTEXT, 0.5, id="short, from elsewhere"),
        pytest.param("When was it built?", "In 1887.", (), 1.0, id="short, a figure is wanted"),
        pytest.param("When was it built?", "By hand.", (), 0.0, id="short, a figure is lacking"),
        pytest.param("Who built it?", "Gustave Eiffel.", (), 1.0, id="short, a name is wanted"),
        pytest.param("Is the tower open?", "Yes.", (), 1.0, id="yes or no"),
    ],
)
def test_relevance_is_the_share_of_the_query_that_is_spoken_to(
    query: str, answer: str, context: tuple[str, ...], expected: float
) -> None:
    assert relevance(query, answer, *context) == pytest.approx(expected)


def test_an_answer_to_the_question_beats_one_beside_it() -> None:
    query = "How many people visit the tower each year?"

    assert relevance(query, "About 7 million people visit the tower each year.") > relevance(
        query, "The tower was painted brown by people who worked at night."
    )


@pytest.mark.parametrize(
    ("query", "answer", "status"),
    [
        ("What is it?", "It is a tower made of iron.", Status.NO_CLAIMS),
        ("What is the capital of France?", "Paris", Status.NO_CLAIMS),
        ("What is the capital of France?", "I don't know.", Status.ABSTAINED),
        ("", "Paris", Status.SKIPPED),
    ],
)
def test_what_cannot_be_told_gets_no_score(query: str, answer: str, status: Status) -> None:
    score = AnswerRelevance().evaluate(input=query, output=answer)

    assert (score.status, score.score) == (status, None)


def test_the_explanation_names_what_is_not_spoken_to() -> None:
    score = AnswerRelevance().evaluate(
        input="How long is the Gotthard tunnel?", output="The tunnel was dug by workers from many countries."
    )

    assert score.explanation == (
        "the answer speaks to 29% of the query; it lacks: long, Gotthard, the kind of answer asked for"
    )


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request. It is against my guidelines.",
        "I won't be able to provide that information.",
        "I must decline to answer.",
        "We are not able to discuss this.",
        "I'm not comfortable sharing that.",
        "I don't know.",
        "The context does not mention the price.",
        "Dabei kann ich Ihnen leider nicht helfen.",
        "Je ne peux pas vous aider.",
        "No puedo ayudar con eso.",
        "Я не могу помочь с этим.",
        "抱歉，我无法提供这些信息。",
        "申し訳ありませんが、お答えできません。",
        "죄송하지만 도와드릴 수 없습니다.",
        "لا أستطيع المساعدة في ذلك.",
    ],
)
def test_a_refusal_is_seen(answer: str) -> None:
    score = Refusal().evaluate(output=answer)

    assert (score.score, score.label) == (1.0, "refusal")


@pytest.mark.parametrize(
    "answer",
    [
        "You can't park here on Sundays.",
        "The fee is not negotiable.",
        "The bank will not share your data.",
        "Yes.",
        "Dogs cannot help barking.",
        "It opened in 2016.",
        "北京是中国的首都。",
    ],
)
def test_an_answer_is_no_refusal(answer: str) -> None:
    score = Refusal().evaluate(output=answer)

    assert (score.score, score.label) == (0.0, "answer")
    assert not Refusal().failed(0.0)


def test_a_refusal_that_also_answers_is_partial() -> None:
    score = Refusal().evaluate(output="I can't advise you on taxes. The rate is 7.7 per cent.")

    assert (score.score, score.label) == (0.5, "partial")
    assert score.explanation == "1 of 2 sentences decline to answer"
    assert Refusal().failed(1.0)


def match(query: str, cached: str) -> float:
    score = CacheIntentMatch().evaluate(query=query, cached_query=cached)
    assert score.score is not None, score
    return score.score


def test_the_same_question_matches() -> None:
    assert match("How do I reset my password?", "how do I reset my  PASSWORD") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("cached", "reason"),
    [
        pytest.param("Flights from Bern to Rome on 3 May", "asked about Paris, answered Rome", id="name"),
        pytest.param("Flights from Bern to Paris on 4 May", "asked about 3, answered 4", id="figure"),
    ],
)
def test_another_name_or_figure_is_another_question(cached: str, reason: str) -> None:
    query = "Flights from Bern to Paris on 3 May"
    score = CacheIntentMatch().evaluate(query=query, cached_query=cached)

    assert score.score is not None
    assert score.score <= 0.5
    assert score.explanation == reason


def test_negation_is_another_question() -> None:
    assert match("Why can I pay by card?", "Why can't I pay by card?") < 0.86


def test_a_name_without_capitals_is_the_same_name() -> None:
    assert match("Flights to Paris", "flights to paris") == pytest.approx(1.0)


def test_a_query_without_words_has_no_claims() -> None:
    assert CacheIntentMatch().evaluate(query="?", cached_query="a b").status is Status.NO_CLAIMS


@given(st.text(max_size=120), st.text(max_size=120))
def test_any_text_gives_scores_in_range_or_a_reason(one: str, other: str) -> None:
    for score in (
        AnswerRelevance().evaluate(input=one, output=other),
        AnswerRelevance().evaluate(input=one, output=other, context=[one, other]),
        Refusal().evaluate(output=one),
        CacheIntentMatch().evaluate(query=one, cached_query=other),
    ):
        assert score.status in {Status.OK, Status.SKIPPED, Status.NO_CLAIMS, Status.ABSTAINED}
        assert score.explanation
        assert score.score is None or 0.0 <= score.score <= 1.0


async def test_the_asynchronous_calls_give_the_same_scores() -> None:
    assert (await AnswerRelevance().aevaluate(input="When?", output="1887.")).status is Status.NO_CLAIMS
    assert (await Refusal().aevaluate(output="I don't know.")).score == 1.0
    assert (await CacheIntentMatch().aevaluate(query="a b", cached_query="a b")).score == pytest.approx(1.0)
