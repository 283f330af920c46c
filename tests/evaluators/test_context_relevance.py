import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_evaluators import ContextRelevance, Status


def relevance(query: str, *passages: str) -> float:
    score = ContextRelevance().evaluate(input=query, output=list(passages))
    assert score.score is not None, score
    return score.score


@pytest.mark.parametrize(
    # "open" and "opened" share a form; "wrote" and "written" do not.
    ("query", "passage", "expected"),
    [
        pytest.param("river Aare", "The Aare is a river.", 1.0, id="all of it"),
        pytest.param("river Aare", "The Rhine is a river.", 0.5, id="half of it"),
        pytest.param("river Aare", "Bread is baked.", 0.0, id="nothing"),
        pytest.param("flowing rivers", "The river flows.", 1.0, id="other forms"),
        pytest.param("When was it built?", "A queen built it.", 0.5, id="a figure is wanted"),
        pytest.param("When did it open?", "It opened in 1990.", 1.0, id="a figure is given"),
        pytest.param("Who wrote Dune?", "Dune was written on paper.", 0.6, id="a name is wanted"),
        pytest.param("Who wrote Dune?", "In 1965 Herbert wrote Dune.", 1.0, id="a name is given"),
        pytest.param("who wrote dune", "herbert wrote dune", 1.0, id="no capitals to go by"),
    ],
)
def test_relevance_is_the_share_of_the_query_that_is_covered(
    query: str, passage: str, expected: float
) -> None:
    assert relevance(query, passage) == pytest.approx(expected)


def test_the_best_passage_counts_and_evidence_has_each() -> None:
    score = ContextRelevance().evaluate(input="river Aare", output=["Bread.", "The river Aare."])

    assert score.score == 1.0
    assert [(piece.passage, piece.score, piece.missing) for piece in score.evidence] == [
        (0, 0.0, ("river", "Aare")),
        (1, 1.0, ()),
    ]
    assert score.explanation == "passage 2 covers 100% of the query"


def test_a_wanted_figure_that_is_not_there_is_named() -> None:
    (piece,) = ContextRelevance().evaluate(input="When was it built?", output="A queen built it.").evidence

    assert piece.missing == ("a number",)


def test_a_long_passage_is_kept_as_an_excerpt() -> None:
    (piece,) = ContextRelevance().evaluate(input="river", output="river " * 1_000).evidence

    assert len(piece.text) == 200


def test_a_query_of_function_words_has_no_claims() -> None:
    assert ContextRelevance().evaluate(input="what is it?", output="Bern").status is Status.NO_CLAIMS


@pytest.mark.parametrize(
    ("query", "good", "bad"),
    [
        pytest.param("中国的首都是哪里", "北京是中国的首都。", "面包是用面粉做的。", id="Chinese"),
        pytest.param("ما هي عاصمة مصر", "القاهرة هي عاصمة مصر.", "الخبز مصنوع من الدقيق.", id="Arabic"),
        pytest.param("столица России", "Москва — столица России.", "Хлеб пекут из муки.", id="Russian"),
        pytest.param("เมืองหลวงของไทย", "กรุงเทพเป็นเมืองหลวงของประเทศไทย", "ขนมปังทำจากแป้ง", id="Thai"),
    ],
)
def test_the_passage_on_the_subject_scores_higher_in_any_language(query: str, good: str, bad: str) -> None:
    assert relevance(query, good) > relevance(query, bad) + 0.3


@given(query=st.text(max_size=80), passages=st.lists(st.text(max_size=200), max_size=4))
def test_any_text_gives_a_score_in_range_or_a_reason(query: str, passages: list[str]) -> None:
    score = ContextRelevance().evaluate(input=query, output=passages)

    assert score.status in {Status.OK, Status.SKIPPED, Status.NO_CLAIMS}
    assert score.explanation if score.score is None else 0.0 <= score.score <= 1.0
