"""Which passages the generator was given."""

import json
from collections.abc import Mapping

import pytest

from groundtrace_collector.jobs.context import Passage, context_documents, context_passages


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

    assert context_passages([("RETRIEVER", first), ("RETRIEVER", RETRIEVED)]) == ("A", "B", "C")


def test_a_reranker_decides_order_and_number() -> None:
    reranked = flat("reranker.output_documents", {"id": "c", "content": "C"}, {"id": "a", "content": "A"})

    assert context_passages([("RETRIEVER", RETRIEVED), ("RERANKER", reranked)]) == ("C", "A")


def test_documents_without_text_take_it_by_id_from_another_stage() -> None:
    reranked = flat("reranker.input_documents", {"id": "d", "content": "D"}) | flat(
        "reranker.output_documents", {"id": "d", "score": "0.9"}, {"id": "b"}, {"id": "nowhere"}
    )

    assert context_passages([("RETRIEVER", RETRIEVED), ("RERANKER", reranked)]) == ("D", "B")


def test_each_passage_keeps_its_id() -> None:
    reranked = flat("reranker.output_documents", {"id": "b"}, {"content": "X"}, {"id": "nowhere"})

    assert context_documents([("RETRIEVER", RETRIEVED), ("RERANKER", reranked)]) == (
        Passage(document_id="b", content="B"),
        Passage(content="X"),
    )


def test_chunks_that_share_an_id_keep_their_own_texts() -> None:
    chunks = flat(
        "retrieval.documents", {"id": "file.md", "content": "one"}, {"id": "file.md", "content": "two"}
    )

    assert context_passages([("RETRIEVER", chunks)]) == ("one", "two")


def test_ranks_are_numbers_not_words() -> None:
    chunks = flat("retrieval.documents", *({"content": str(rank)} for rank in range(12)))

    assert context_passages([("RETRIEVER", chunks)]) == tuple(str(rank) for rank in range(12))


def test_the_last_retriever_that_found_nothing_gives_no_context() -> None:
    assert context_passages([("RETRIEVER", RETRIEVED), ("RETRIEVER", {})]) == ()


def test_genai_documents_are_read_from_their_json() -> None:
    documents = [
        {"id": "a", "content": "A", "score": 0.5},
        {"id": "b", "content": "B"},
        "junk",
        {"content": 3},
    ]

    assert context_passages([("RETRIEVER", {"gen_ai.retrieval.documents": json.dumps(documents)})]) == (
        "A",
        "B",
    )


@pytest.mark.parametrize("text", ["", "{", "3", "null", '{"id": 1}'])
def test_genai_documents_that_are_none_give_no_context(text: str) -> None:
    assert context_passages([("RETRIEVER", {"gen_ai.retrieval.documents": text})]) == ()
