"""Exact search, the measures of a row and how far two rankings differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_collector.datasets.row import Row
from groundtrace_collector.replay.plan import Corpus, Document, corpus_of, plan
from groundtrace_collector.replay.ranking import (
    Vectors,
    churn_measures,
    gains,
    jaccard,
    rank,
    rank_biased_overlap,
    row_measures,
)

IDS = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=6)


def _vectors(rows: list[list[float]], starts: list[int] | None = None) -> Vectors:
    return Vectors(
        rows=np.asarray(rows, dtype=np.float32), starts=np.asarray(starts or range(len(rows)), dtype=np.intp)
    )


def test_search_is_by_cosine_and_ties_keep_the_order_of_the_corpus() -> None:
    corpus = Corpus(name="c", documents=tuple(Document(id=f"d{n}", content=f"t{n}") for n in range(4)))
    work = plan([Row(query="q", positive_ids=("d3",))], corpus)
    texts = _vectors([[0, 1], [0.6, 0.8], [0.6, 0.8], [1, 0]])

    ranked = rank(work, np.asarray([[1, 0]], dtype=np.float32), texts, depth=3)

    assert ranked.found == (("d3", "d1", "d2"),)
    assert (ranked.positive[0], ranked.negative[0]) == pytest.approx((1.0, 0.6))


def test_a_document_in_parts_is_as_near_as_its_nearest_part() -> None:
    corpus = Corpus(name="c", documents=(Document(id="long", content="a"), Document(id="short", content="b")))
    work = plan([Row(query="q", positive_ids=("long",))], corpus)

    ranked = rank(
        work,
        np.asarray([[1, 0]], dtype=np.float32),
        _vectors([[0, 1], [1, 0], [0.6, 0.8]], starts=[0, 2]),
        depth=2,
    )

    assert ranked.found == (("long", "short"),)


def test_a_given_hard_negative_makes_the_margin_and_is_not_retrieved_unless_the_corpus_has_it() -> None:
    corpus = Corpus(name="c", documents=(Document(id="d0", content="t0"), Document(id="d1", content="t1")))
    work = plan([Row(query="q", positive_chunk="t0", hard_negative_chunk="elsewhere")], corpus)
    assert work.texts == ("t0", "t1", "elsewhere")

    ranked = rank(
        work,
        np.asarray([[1, 0]], dtype=np.float32),
        _vectors([[0.8, 0.6], [0, 1], [0.6, 0.8]]),
        depth=3,
    )

    assert ranked.found == (("d0", "d1"),)
    assert ranked.positive[0] - ranked.negative[0] == pytest.approx(0.2)


def test_a_relevant_document_that_the_corpus_lacks_counts_as_missed() -> None:
    corpus = Corpus(name="c", documents=(Document(id="d0", content="t0"),))
    work = plan([Row(query="q", positive_ids=("d0", "gone")), Row(query="unjudged")], corpus)
    ranked = rank(work, np.ones((2, 1), dtype=np.float32), _vectors([[1.0]]), depth=5)

    measures = row_measures(work, ranked, [5])

    assert measures["recall@5"][0] == 0.5
    assert np.isnan(measures["recall@5"][1])
    assert any("lacks" in each for each in work.warnings())


def test_a_reader_is_told_what_the_rows_lack_and_that_a_query_comes_twice() -> None:
    corpus = Corpus(name="c", documents=(Document(id="d0", content="t0"),))
    rows = [
        Row(query="Why?", positive_chunk="t0", embedding_model_version="a@1"),
        Row(query=" why? ", positive_chunk="t0", embedding_model_version="a@2"),
        Row(query="When?", positive_ids=("gone",), hard_negative_chunk="t1"),
        Row(query="Who?"),
    ]

    assert plan(rows, corpus).warnings() == [
        "1 rows name relevant documents that the corpus lacks: they count as missed",
        "1 rows name no relevant document: they count for churn only",
        "2 rows have no hard negative: each encoder's own best-ranked irrelevant document is taken",
        "1 rows ask what a row before them asks: rows of one query are drawn together",
    ]


def test_gains_are_relevant_documents_that_only_one_side_has() -> None:
    corpus = Corpus(name="c", documents=tuple(Document(id=f"d{n}", content=f"t{n}") for n in range(2)))
    work = plan([Row(query="q", positive_ids=("d0",))], corpus)
    texts = _vectors([[1, 0], [0, 1]])
    base = rank(work, np.asarray([[0, 1]], dtype=np.float32), texts, depth=2)
    candidate = rank(work, np.asarray([[1, 0]], dtype=np.float32), texts, depth=2)

    gained, lost = gains(work, base, candidate, 1)

    assert (gained.tolist(), lost.tolist()) == ([1], [0])


def test_the_chunks_of_a_dataset_are_a_corpus_without_twins() -> None:
    rows = [
        Row(query="a", positive_chunk="x", document_id="dx", hard_negative_chunk="y"),
        Row(query="b", positive_chunk="x", document_id="dx"),
    ]

    documents = corpus_of(rows, "f").documents

    assert [each.content for each in documents] == ["x", "y"]
    assert documents[0].id == "dx"


@given(IDS, IDS)
def test_overlaps_are_symmetric_and_between_0_and_1(left: list[str], right: list[str]) -> None:
    for measure in (jaccard, rank_biased_overlap):
        assert 0 <= measure(left, right) <= 1
        assert measure(left, right) == pytest.approx(measure(right, left))
        assert measure(left, left) == pytest.approx(1)


def test_churn_of_two_rankings() -> None:
    found = churn_measures([("a", "b", "c")], [("a", "c", "d")], [2])

    assert found["churn@2"].tolist() == [pytest.approx(2 / 3)]
    assert found["top1_changed"].tolist() == [0.0]
