"""ContextRecall and ContextPrecision: the context against the answer that was hoped for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_evaluators import ContextPrecision, ContextRecall, Score, Status, average_precision

PASSAGES = (
    "Bern lies on the Aare.",
    "The Gotthard tunnel opened on 1 June 2016. It is 57.1 km long.",
    "Nine workers died while it was built.",
)


def recall(expected: str, *context: str, query: str | None = None) -> Score:
    return ContextRecall().evaluate(expected=expected, context=context or PASSAGES, query=query)


def precision(expected: str, *context: str, query: str | None = None) -> Score:
    return ContextPrecision().evaluate(expected=expected, context=context or PASSAGES, query=query)


@pytest.mark.parametrize(
    ("expected", "score"),
    [
        pytest.param("It opened on 1 June 2016.", 1.0, id="there"),
        pytest.param("Bananas dream loudly.", 0.0, id="not there"),
        pytest.param("It opened in 2016. Bananas dream loudly.", 0.5, id="one of two sentences"),
        pytest.param("Zurich", 0.0, id="a word that is not there"),
        pytest.param("Bern", 1.0, id="a word that is there"),
    ],
)
def test_recall_is_the_share_of_the_expected_answer_that_was_retrieved(expected: str, score: float) -> None:
    assert recall(expected).score == pytest.approx(score)


def test_recall_names_what_is_missing_and_where_the_rest_stands() -> None:
    score = recall("It opened in Lugano. Nine workers died.")

    assert score.explanation == "1 of 2 expected sentences are in the context; missing: Lugano"
    assert [(piece.passage, piece.missing) for piece in score.evidence] == [(1, ("Lugano",)), (2, ())]


def test_what_the_query_says_does_not_count_as_recalled() -> None:
    query = "When did the Gotthard tunnel open?"

    assert recall("The Gotthard tunnel opened in 1882.", query=query).score == 0.0
    assert recall("The Gotthard tunnel opened in 2016.", query=query).score == 1.0


@pytest.mark.parametrize(
    ("relevant", "score"),
    [
        ([True], 1.0),
        ([False], 0.0),
        ([], 0.0),
        ([False, True], 0.5),
        ([True, True, False], 1.0),
        ([True, False, True], (1 + 2 / 3) / 2),
        ([False, True, True], (1 / 2 + 2 / 3) / 2),
    ],
)
def test_average_precision_agrees_with_hand_computed_cases(relevant: list[bool], score: float) -> None:
    assert average_precision(relevant) == pytest.approx(score)


@given(st.lists(st.booleans(), min_size=2, max_size=12))
def test_moving_a_relevant_passage_up_never_lowers_precision(relevant: list[bool]) -> None:
    before = average_precision(relevant)
    for place in range(1, len(relevant)):
        if relevant[place] and not relevant[place - 1]:
            moved = [*relevant[: place - 1], True, False, *relevant[place + 1 :]]
            assert average_precision(moved) > before


def test_precision_falls_with_the_rank_of_the_passage_that_holds_the_answer() -> None:
    scores = [
        precision("It is 57.1 km long.", *order).score
        for order in (
            (PASSAGES[1], PASSAGES[0], PASSAGES[2]),
            PASSAGES,
            (PASSAGES[0], PASSAGES[2], PASSAGES[1]),
            (PASSAGES[0], PASSAGES[2]),
        )
    ]

    assert scores == pytest.approx([1.0, 1 / 2, 1 / 3, 0.0])


def test_precision_says_which_ranks_hold_the_answer() -> None:
    score = precision("It is 57.1 km long. Nine workers died.")

    assert score.score == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert score.explanation == "2 of 3 passages hold the expected answer, at rank 2, 3"
    assert [piece.supported for piece in score.evidence] == [False, True, True]


@pytest.mark.parametrize(
    ("context", "good", "bad"),
    [
        pytest.param("北京是中国的首都。", "北京", "上海", id="Chinese"),
        pytest.param("القاهرة هي عاصمة مصر.", "القاهرة", "الرياض", id="Arabic"),
        pytest.param("กรุงเทพเป็นเมืองหลวง", "กรุงเทพ", "เชียงใหม่", id="Thai"),
    ],
)
def test_expected_answers_are_found_in_any_script(context: str, good: str, bad: str) -> None:
    assert (recall(good, context).score or 0.0) > (recall(bad, context).score or 0.0) + 0.3
    assert (precision(good, context).score, precision(bad, context).score) == (1.0, 0.0)


@pytest.mark.parametrize("measure", [recall, precision])
@pytest.mark.parametrize("expected", ["Yes.", "?!", "The Gotthard tunnel."])
def test_an_expected_answer_with_nothing_to_look_for_has_no_claims(measure: type, expected: str) -> None:
    score = measure(expected, query="Is the Gotthard tunnel open?")

    assert (score.status, score.score) == (Status.NO_CLAIMS, None)


@given(expected=st.text(max_size=120), context=st.lists(st.text(max_size=80), max_size=4))
def test_any_text_gives_a_score_in_range_or_a_reason(expected: str, context: list[str]) -> None:
    for each in (ContextRecall(), ContextPrecision()):
        score = each.evaluate(expected=expected, context=context)
        assert score.status in {Status.OK, Status.SKIPPED, Status.NO_CLAIMS}
        assert score.explanation
        assert score.score is None or 0.0 <= score.score <= 1.0


async def test_the_asynchronous_calls_give_the_same_scores() -> None:
    assert (await ContextRecall().aevaluate(expected="Bern", context=PASSAGES)).score == 1.0
    assert (await ContextPrecision().aevaluate(expected="Bern", context=PASSAGES)).score == 1.0
