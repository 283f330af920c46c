import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_evaluators import Case, EmbeddingSimilarity, Status


def similarity(left: str, right: str) -> float:
    score = EmbeddingSimilarity().evaluate(response=left, expected_response=right)
    assert score.score is not None, score
    return score.score


def test_the_method_says_that_it_is_not_an_encoder() -> None:
    assert EmbeddingSimilarity().evaluate(response="a b", expected_response="a c").method == "lexical"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("Reset my password", "reset  my PASSWORD!", id="case, space and punctuation"),
        pytest.param("the river", "a river", id="function words"),
        pytest.param("\uff21\uff22\uff23", "abc", id="full width"),
    ],
)
def test_differences_of_form_do_not_count(left: str, right: str) -> None:
    assert similarity(left, right) == pytest.approx(1.0)


def test_nothing_in_common_scores_zero() -> None:
    assert similarity("bern", "xyzzy") == 0.0


def test_alike_texts_score_higher_than_others() -> None:
    query = "How do I reset my password?"
    assert similarity(query, "Resetting a forgotten password") > similarity(
        query, "Opening hours of the office"
    )


def test_a_case_is_compared_with_its_best_passage() -> None:
    score = EmbeddingSimilarity().evaluate_case(Case(query="river", context=("bread", "river")))

    assert score.score == pytest.approx(1.0)
    assert [piece.passage for piece in score.evidence] == [0, 1]


def test_text_without_words_has_no_claims() -> None:
    assert EmbeddingSimilarity().evaluate(response="?!", expected_response="x").status is Status.NO_CLAIMS


@given(st.text(max_size=200), st.text(max_size=200))
def test_similarity_is_symmetric_and_in_range(left: str, right: str) -> None:
    one = EmbeddingSimilarity().evaluate(response=left, expected_response=right)
    other = EmbeddingSimilarity().evaluate(response=right, expected_response=left)

    if one.score is not None and other.score is not None:
        assert 0.0 <= one.score <= 1.0
        assert one.score == pytest.approx(other.score)
