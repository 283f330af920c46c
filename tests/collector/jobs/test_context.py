"""Which passages the generator was given."""

import json
from collections.abc import Mapping

import pytest

from groundtrace_collector.jobs.context import (
    Passage,
    RetrievalSpan,
    context_documents,
    context_passages,
    retrieved_scores,
)


def flat(prefix: str, *documents: Mapping[str, str]) -> dict[str, str]:
    return {
        f"{prefix}.{place}.document.{field}": value
        for place, document in enumerate(documents)
        for field, value in document.items()
    }


RETRIEVED = flat(
    "retrieval.documents",
    {"id": "a", "content": "A"},
    {"id": "b", "content": "B"},
    {"id": "c", "content": "C"},
)


def test_without_a_reranker_the_context_is_what_the_last_retriever_found() -> None:
    first = flat("retrieval.documents", {"id": "z", "content": "Z"})

    assert context_passages([RetrievalSpan("RETRIEVER", first), RetrievalSpan("RETRIEVER", RETRIEVED)]) == (
        "A",
        "B",
        "C",
    )


def test_a_reranker_decides_order_and_number() -> None:
    reranked = flat("reranker.output_documents", {"id": "c", "content": "C"}, {"id": "a", "content": "A"})

    assert context_passages([RetrievalSpan("RETRIEVER", RETRIEVED), RetrievalSpan("RERANKER", reranked)]) == (
        "C",
        "A",
    )


def test_documents_without_text_take_it_by_id_from_another_stage() -> None:
    reranked = flat("reranker.input_documents", {"id": "d", "content": "D"}) | flat(
        "reranker.output_documents", {"id": "d", "score": "0.9"}, {"id": "b"}, {"id": "nowhere"}
    )

    assert context_passages([RetrievalSpan("RETRIEVER", RETRIEVED), RetrievalSpan("RERANKER", reranked)]) == (
        "D",
        "B",
    )


def test_each_passage_keeps_its_id() -> None:
    reranked = flat("reranker.output_documents", {"id": "b"}, {"content": "X"}, {"id": "nowhere"})

    assert context_documents(
        [RetrievalSpan("RETRIEVER", RETRIEVED), RetrievalSpan("RERANKER", reranked)]
    ) == (
        Passage(document_id="b", content="B"),
        Passage(content="X"),
    )


def test_chunks_that_share_an_id_keep_their_own_texts() -> None:
    chunks = flat(
        "retrieval.documents", {"id": "file.md", "content": "one"}, {"id": "file.md", "content": "two"}
    )

    assert context_passages([RetrievalSpan("RETRIEVER", chunks)]) == ("one", "two")


def test_ranks_are_numbers_not_words() -> None:
    chunks = flat("retrieval.documents", *({"content": str(rank)} for rank in range(12)))

    assert context_passages([RetrievalSpan("RETRIEVER", chunks)]) == tuple(str(rank) for rank in range(12))


def test_the_last_retriever_that_found_nothing_gives_no_context() -> None:
    assert context_passages([RetrievalSpan("RETRIEVER", RETRIEVED), RetrievalSpan("RETRIEVER", {})]) == ()


def test_genai_documents_are_read_from_their_json() -> None:
    documents = [
        {"id": "a", "content": "A", "score": 0.5},
        {"id": "b", "content": "B"},
        "junk",
        {"content": 3},
    ]

    assert context_passages(
        [RetrievalSpan("RETRIEVER", {"gen_ai.retrieval.documents": json.dumps(documents)})]
    ) == (
        "A",
        "B",
    )


@pytest.mark.parametrize("text", ["", "{", "3", "null", '{"id": 1}'])
def test_genai_documents_that_are_none_give_no_context(text: str) -> None:
    assert context_passages([RetrievalSpan("RETRIEVER", {"gen_ai.retrieval.documents": text})]) == ()


def test_hits_of_openllmetrys_vector_stores_are_events() -> None:
    hits = [
        ("db.query.result", {"db.query.result.id": "a", "db.query.result.document": "A"}),
        ("exception", {"exception.type": "KeyError"}),
        ("db.search.result", {"db.search.result.id": "b", "db.search.result.entity": "B"}),
    ]

    assert context_documents([RetrievalSpan("RETRIEVER", {"db.system": "chroma"}, hits)]) == (
        Passage(document_id="a", content="A"), Passage(document_id="b", content="B"),
    )  # fmt: skip


def test_openllmetrys_retrievers_list_their_documents_as_json() -> None:
    documents = [
        {"page_content": "A", "metadata": {"source": "a.md"}}, {"page_content": "B"}, "odd", {"page_content": 5},
    ]  # fmt: skip
    output = json.dumps({"documents": documents, "count": 4})

    assert context_documents([RetrievalSpan("RETRIEVER", {"traceloop.entity.output": output})]) == (
        Passage(document_id="a.md", content="A"), Passage(content="B"),
    )  # fmt: skip


def scored(*scores: str, distance: bool = False, kind: str = "RETRIEVER") -> RetrievalSpan:
    documents = [{"id": f"d{place}", "score": score} for place, score in enumerate(scores)]
    return RetrievalSpan(kind, flat("retrieval.documents", *documents), is_distance=distance)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([scored("0.9", "0.1")], (0.9, 0.1), id="as-they-stand"),
        pytest.param([scored("0.1", "0.9", distance=True)], (-0.1, -0.9), id="distances-turned-round"),
        pytest.param([scored("1", "2"), scored("0.9", "0.1")], (0.9, 0.1), id="of-the-last"),
        pytest.param([scored("0.9", "")], (), id="one-without"),
        pytest.param([scored("0.9", "nan")], (), id="not-a-number"),
        pytest.param([scored("0.9")], (), id="other-documents"),
        pytest.param([scored("0.9", "0.1", kind="RERANKER")], (), id="no-retriever"),
        pytest.param([], (), id="no-span"),
    ],
)
def test_scores_of_the_retrieved_are_higher_where_nearer(
    spans: list[RetrievalSpan], expected: tuple[float, ...]
) -> None:
    assert retrieved_scores(spans, ["d0", "d1"]) == expected
