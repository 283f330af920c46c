"""Measures over ids: recall, MRR, nDCG, margin."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from groundtrace_evaluators import (
    Case,
    Margin,
    NdcgAtK,
    RecallAtK,
    ReciprocalRank,
    Status,
    ndcg_at_k,
    recall_at_k,
    reciprocal_rank,
    score_margin,
)

IDS = st.lists(st.sampled_from("abcdefghij"), max_size=12)
SOME_IDS = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("retrieved", "relevant", "k", "recall", "rank", "ndcg"),
    [
        pytest.param(["a", "b"], ["a"], 2, 1.0, 1.0, 1.0, id="at the top"),
        pytest.param(["b", "a"], ["a"], 2, 1.0, 0.5, 1 / math.log2(3), id="second"),
        pytest.param(["b", "a"], ["a"], 1, 0.0, 0.5, 0.0, id="cut off"),
        pytest.param(["b", "c"], ["a"], 2, 0.0, 0.0, 0.0, id="not there"),
        pytest.param(["b", "b", "a"], ["a"], 2, 1.0, 0.5, 1 / math.log2(3), id="twice is once"),
        pytest.param(["a"], ["a", "b"], 5, 0.5, 1.0, 1 / (1 + 1 / math.log2(3)), id="half of them"),
        pytest.param([], ["a"], 5, 0.0, 0.0, 0.0, id="nothing retrieved"),
    ],
)
def test_measures_agree_with_hand_computed_cases(
    retrieved: list[str], relevant: list[str], k: int, recall: float, rank: float, ndcg: float
) -> None:
    assert recall_at_k(retrieved, relevant, k=k) == recall
    assert reciprocal_rank(retrieved, relevant) == rank
    assert ndcg_at_k(retrieved, relevant, k=k) == pytest.approx(ndcg)


@given(
    ids=st.permutations("abcdefghij"),
    relevant=st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=5, unique=True),
    k=st.integers(1, 10),
)
def test_ndcg_agrees_with_scikit_learn(ids: list[str], relevant: list[str], k: int) -> None:
    truth = [[float(found in relevant) for found in ids]]
    expected = ndcg_score(truth, [[float(10 - place) for place in range(10)]], k=k)

    assert ndcg_at_k(ids, relevant, k=k) == pytest.approx(expected)


@given(retrieved=IDS, relevant=SOME_IDS, k=st.integers(1, 15))
def test_measures_stay_in_range_and_grow_with_k(retrieved: list[str], relevant: list[str], k: int) -> None:
    assert 0.0 <= recall_at_k(retrieved, relevant, k=k) <= recall_at_k(retrieved, relevant, k=k + 1) <= 1.0
    assert 0.0 <= ndcg_at_k(retrieved, relevant, k=k) <= 1.0
    assert 0.0 <= reciprocal_rank(retrieved, relevant) <= 1.0


@pytest.mark.parametrize("measure", [recall_at_k, reciprocal_rank, ndcg_at_k])
def test_without_relevant_documents_a_measure_is_undefined(measure: type) -> None:
    with pytest.raises(ValueError, match="relevant must hold at least one id, got none"):
        measure(["a"], [])


def test_a_cut_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        recall_at_k(["a"], ["a"], k=0)


def test_a_lone_string_is_not_a_set_of_ids() -> None:
    with pytest.raises(TypeError, match="relevant must be a collection of ids, got str"):
        recall_at_k(["a"], "abc")


def test_evaluators_say_what_was_found_and_where() -> None:
    ids = {"retrieved": ["d3", "d1", "d7"], "relevant": ["d1", "d2"]}

    recall, rank, ndcg = (each().evaluate(**ids) for each in (RecallAtK, ReciprocalRank, NdcgAtK))

    assert (recall.score, recall.explanation) == (0.5, "1 of 2 relevant documents among 3 retrieved")
    assert (rank.score, rank.explanation) == (0.5, "the first relevant document stands at rank 2")
    assert ndcg.explanation == "1 of 2 relevant documents retrieved, at rank 2"
    assert (
        ReciprocalRank().evaluate(retrieved=["x"], relevant=["y"]).explanation
        == "the first relevant document is not among 1 retrieved"
    )


def test_a_subclass_cuts_at_its_own_k() -> None:
    class RecallAt1(RecallAtK):
        name = "recall_at_1"
        k = 1

    assert RecallAt1().evaluate(retrieved=["d3", "d1"], relevant=["d1"]).score == 0.0


def test_a_trace_without_relevant_ids_is_skipped() -> None:
    score = RecallAtK().evaluate_case(Case(retrieved_ids=("a",)))

    assert (score.status, score.explanation) == (Status.SKIPPED, "the case has no relevant ids")


def test_the_margin_agrees_with_a_hand_computed_case() -> None:
    found = score_margin([0.9, 0.6], [0.7, 0.5, 0.5])

    assert found.mean == pytest.approx(0.75 - 1.7 / 3)
    assert found.auroc == pytest.approx(5 / 6)
    assert (found.positives, found.negatives) == (2, 3)


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=30),
    st.lists(st.integers(-9, 9), min_size=1, max_size=30),
)
def test_the_margins_auroc_agrees_with_scikit_learn(positives: list[int], negatives: list[int]) -> None:
    expected = roc_auc_score([1] * len(positives) + [0] * len(negatives), positives + negatives)

    assert score_margin(positives, negatives).auroc == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.floats(0.1, 9), st.floats(-5, 5))
def test_the_margins_auroc_has_no_scale(scores: list[float], factor: float, shift: float) -> None:
    positives, negatives = scores[::2], scores[1::2]
    rounded = [[round(value, 3) for value in values] for values in (positives, negatives)]
    scaled = [[round(factor * value + shift, 6) for value in values] for values in rounded]

    assert score_margin(*rounded).auroc == pytest.approx(score_margin(*scaled).auroc)


@pytest.mark.parametrize("scores", [[0.9, 0.8, 0.3], [0.1, 0.2, 0.7]], ids=["similarities", "distances"])
def test_a_margin_is_read_from_similarities_and_distances(scores: list[float]) -> None:
    score = Margin().evaluate(retrieved=["a", "b", "c"], scores=scores, relevant=["a", "c"])

    assert score.score == 0.5
    assert score.explanation == (
        "relevant documents outscore 50% of 1 others; their mean lies 0.2 below the best other"
    )


@pytest.mark.parametrize(
    ("relevant", "reason"), [(["z"], "no relevant document was retrieved"), (["a", "b"], "no other document")]
)
def test_a_margin_needs_both_kinds_of_documents(relevant: list[str], reason: str) -> None:
    score = Margin().evaluate(retrieved=["a", "b"], scores=[0.9, 0.1], relevant=relevant)

    assert score.status is Status.NO_CLAIMS
    assert reason in (score.explanation or "")


def test_a_margin_without_scores_is_refused() -> None:
    with pytest.raises(ValueError, match="a margin needs scores of both kinds, got 1 and 0"):
        score_margin([0.1], [])


async def test_the_asynchronous_calls_give_the_same_scores() -> None:
    assert (await RecallAtK().aevaluate(retrieved=["a"], relevant=["a"])).score == 1.0
    assert (await Margin().aevaluate(retrieved=["a", "b"], scores=[2, 1], relevant=["a"])).score == 1.0
