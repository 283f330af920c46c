"""Rows out of one trace: what is right, which wrong document is hardest, and why there is none."""

from __future__ import annotations

from typing import Any

import pytest

from groundtrace_collector.datasets.hard_negatives import Seen, Skipped, rows_of
from groundtrace_collector.datasets.row import Row
from groundtrace_collector.jobs.context import RetrievalSpan


def retriever(
    *ids: str, prefix: str = "retrieval.documents", kind: str = "RETRIEVER", **texts: str
) -> RetrievalSpan:
    """A span whose documents have the text `about ID`, or what ``texts`` says; '' for none."""
    attributes = {}
    for place, name in enumerate(ids):
        attributes[f"{prefix}.{place}.document.id"] = name
        if text := texts.get(name, f"about {name}"):
            attributes[f"{prefix}.{place}.document.content"] = text
    return RetrievalSpan(kind, attributes)


def reranker(*ids: str, **texts: str) -> RetrievalSpan:
    return retriever(*ids, prefix="reranker.output_documents", kind="RERANKER", **texts)


def human(score: float | None = None, *, name: str = "groundedness", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "score": score, "label": None, "status": "ok", "source": "human", "span_id": None,
        "threshold": None, **more,
    }  # fmt: skip


def seen(*spans: RetrievalSpan, gold: tuple[str, ...] = (), thumb: float | None = None, **trace: Any) -> Seen:
    listed = {
        "trace_id": "t" * 32, "query": "why?", "answer": "because", "encoder": "minilm@2", "llm_model": "gpt-x",
        "metadata": {"doc_family": "billing"}, "scores": [], **trace,
    }  # fmt: skip
    return Seen(trace=listed, gold=gold, thumb=thumb, spans=spans)


def only_row(found: Seen) -> Row:
    rows = rows_of(found, negatives=1)
    assert not isinstance(rows, Skipped), rows
    (row,) = rows
    return row


def pairs(found: Seen, negatives: int = 10) -> list[tuple[str | None, str | None, str | None]]:
    """Positive, negative and why, of each row."""
    rows = rows_of(found, negatives=negatives)
    assert not isinstance(rows, Skipped), rows
    return [
        (row.document_id, row.hard_negative_id, row.source and row.source.rpartition("negative ")[2])
        for row in rows
    ]


def test_a_question_that_two_encoders_answered_is_a_row_of_each() -> None:
    rows = [
        only_row(seen(retriever("a", "g"), gold=("g",), encoder=encoder))
        for encoder in ("minilm@1", "minilm@2", "minilm@2")
    ]

    assert [row.embedding_model_version for row in rows] == ["minilm@1", "minilm@2", "minilm@2"]
    assert rows[0].id != rows[1].id
    assert rows[1].id == rows[2].id


@pytest.mark.parametrize(
    ("spans", "gold", "expected"),
    [
        pytest.param(
            [retriever("a", "b", "g", "c")],
            ("g",),
            [("g", "a", "ranked above"), ("g", "b", "ranked above"), ("g", "c", "ranked below")],
            id="above before below, best first",
        ),
        pytest.param(
            [retriever("a", "g", "b"), reranker("g", "b", "a")],
            ("g",),
            [("g", "a", "reranked down"), ("g", "b", "ranked below")],
            id="the reranker put it down",
        ),
        pytest.param(
            [retriever("a", "g", "b"), reranker("g", "b")],
            ("g",),
            [("g", "a", "reranked down"), ("g", "b", "ranked below")],
            id="the reranker left it out",
        ),
        pytest.param(
            [retriever("g", "a", "b"), reranker("b", "g")],
            ("g",),
            [("g", "b", "ranked above"), ("g", "a", "ranked below")],
            id="the reranker put it up",
        ),
        pytest.param(
            [retriever("g", "a"), reranker("a")],
            ("g",),
            [("g", "a", "ranked above")],
            id="the reranker lost the gold document",
        ),
        pytest.param(
            [retriever("h", "a", "g")],
            ("g", "h"),
            [("h", "a", "ranked below")],
            id="of two gold documents the best is the positive, none a negative",
        ),
        pytest.param(
            [retriever("a", "b")],
            ("g",),
            [(None, "a", "ranked above"), (None, "b", "ranked above")],
            id="gold that was not retrieved has no text",
        ),
        pytest.param(
            [retriever("g2", "a", "g", g2="About  G")],
            ("g",),
            [("g", "a", "ranked below")],
            id="a copy of the positive is no negative, and ranks as it",
        ),
        pytest.param(
            [retriever("a", "b", "g"), reranker("b", "g", b="", g="")],
            ("g",),
            [("g", "b", "ranked above"), ("g", "a", "reranked down")],
            id="texts that the reranker does not repeat",
        ),
        pytest.param(
            [retriever("x"), retriever("a", "g")],
            ("g",),
            [("g", "a", "ranked above")],
            id="the last retriever counts",
        ),
    ],
)
def test_the_hardest_negative_comes_first(
    spans: list[RetrievalSpan], gold: tuple[str, ...], expected: list[tuple[str | None, str, str]]
) -> None:
    found = seen(*spans, gold=gold)

    assert pairs(found) == expected
    assert pairs(found, 1) == expected[:1]


def test_a_row_says_where_it_is_from() -> None:
    cohorts = {"doc_family": "billing", "intent": "refund"}
    metadata = cohorts | {"expected_answer": "ten days", "ls_retriever_name": "policies"}
    row = only_row(seen(retriever("a", "g"), gold=("g", "h"), metadata=metadata))

    assert (row.query, row.positive_chunk, row.hard_negative_chunk) == ("why?", "about g", "about a")
    assert row.positive_ids == ("g", "h")
    assert (row.embedding_model_version, row.model_version, row.trace_id) == ("minilm@2", "gpt-x", "t" * 32)
    assert (row.intent, row.expected_answer) == ("refund", "ten days")
    assert row.metadata == cohorts
    assert row.source == "mined: gold ids, negative ranked above"


@pytest.mark.parametrize(
    ("facts", "source"),
    [
        pytest.param({"thumb": 1}, "thumbs up", id="thumb"),
        pytest.param({"scores": [human(0.9)]}, "human score", id="human score"),
        pytest.param({"scores": [human(0.9)], "thumb": -1}, "human score", id="a person outweighs a thumb"),
        pytest.param({"scores": [human(label="pass")]}, "human score", id="label"),
        pytest.param(
            {"scores": [human(0.2, name="hallucination_score")]}, "human score", id="lower is better"
        ),
        pytest.param({"scores": [human(0.4, threshold=0.3)]}, "human score", id="threshold"),
        pytest.param(
            {"scores": [human(0.1, source="evaluator")], "thumb": 1}, "thumbs up", id="no evaluator"
        ),
        pytest.param({"scores": [human(0.1, span_id="0" * 16)], "thumb": 1}, "thumbs up", id="no span"),
    ],
)
def test_without_gold_ids_a_passed_answer_makes_its_first_document_the_positive(
    facts: dict[str, Any], source: str
) -> None:
    row = only_row(seen(retriever("b", "a"), reranker("a", "b"), **facts))

    assert (row.document_id, row.positive_ids, row.hard_negative_id) == ("a", ("a",), "b")
    assert row.expected_answer == "because"
    assert row.source == f"mined: {source}, negative reranked down"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(seen(retriever("a"), gold=("g",), query=None), Skipped.NO_QUERY, id="no query"),
        pytest.param(seen(retriever("a", "b")), Skipped.NO_VERDICT, id="no verdict"),
        pytest.param(seen(retriever("a", "b"), thumb=-1), Skipped.WENT_WRONG, id="thumb down"),
        pytest.param(
            seen(retriever("a", "b"), scores=[human(0.1)], thumb=1), Skipped.WENT_WRONG, id="failed"
        ),
        pytest.param(seen(gold=("g",)), Skipped.NO_TEXT, id="no documents"),
        pytest.param(seen(retriever("a", "g", a="", g=""), gold=("g",)), Skipped.NO_TEXT, id="no texts"),
        pytest.param(seen(retriever("g"), gold=("g",)), Skipped.NO_NEGATIVE, id="gold only"),
        pytest.param(seen(retriever("a"), thumb=1), Skipped.NO_NEGATIVE, id="one document"),
        pytest.param(
            seen(retriever("a", "g"), gold=("g",), query="x" * 200_001), Skipped.TOO_LONG, id="too long"
        ),
    ],
)
def test_a_trace_without_a_row_has_a_reason(found: Seen, reason: Skipped) -> None:
    assert rows_of(found, negatives=3) is reason
