# ruff: noqa: ARG002, ARG003 - LangChain's interfaces name the arguments
"""Retrievers: every document with id, score and rank, as the store itself scored it."""

from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from groundtrace.passages import text_id
from tests.integrations.langchain.parts import FACTS, WordEmbeddings, fact_store
from tests.span_recorder import SpanRecorder

QUESTION = "What is the capital of France?"


class ListRetriever(BaseRetriever):
    """Returns what it was given."""

    documents: list[Document]
    k: int = 3

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self.documents[: self.k]


class PlainRetriever(BaseRetriever):
    """Written before run managers."""

    def _get_relevant_documents(self, query: str) -> list[Document]:  # type: ignore[override]
        return fact_store_of_plain.similarity_search(query, k=1)


class DistanceStore(InMemoryVectorStore):
    """Scores by distance, smallest first, as FAISS and Chroma do."""

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        found = super().similarity_search_with_score(query, k, **kwargs)
        return [(document, 1.0 - score) for document, score in found]

    def _select_relevance_score_fn(self) -> Any:
        return lambda distance: 1.0 - distance


fact_store_of_plain = fact_store()


def test_documents_equal_what_the_app_got_and_the_store_scored(traced: SpanRecorder) -> None:
    store = fact_store()
    expected = store.similarity_search_with_score(QUESTION, k=3)
    traced.clear()

    found = store.as_retriever(search_kwargs={"k": 3}).invoke(QUESTION)

    span = traced.of_kind("RETRIEVER")[0]
    assert span.attributes["input.value"] == QUESTION
    assert (
        span.document_ids == [document.id for document in found] == [document.id for document, _ in expected]
    )
    assert span.document_scores == pytest.approx([score for _, score in expected])
    assert span.documents("retrieval.documents", "content") == [document.page_content for document in found]
    assert span.documents("retrieval.documents", "metadata")[0] == '{"page":1}'
    assert span.attributes["retrieval.score_sense"] == "similarity"
    assert span.attributes["retrieval.top_k"] == 3
    assert span.attributes["gen_ai.operation.name"] == "retrieval"


def test_the_store_is_searched_once(traced: SpanRecorder) -> None:
    searches = []

    class CountingStore(InMemoryVectorStore):
        def similarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Document, float]]:
            searches.append(args)
            return super().similarity_search_with_score(*args, **kwargs)

    store = CountingStore(WordEmbeddings())
    store.add_documents(list(FACTS))

    store.as_retriever().invoke(QUESTION)

    assert len(searches) == 1
    assert None not in traced.of_kind("RETRIEVER")[0].document_scores


async def test_async_retriever_has_scores_too(traced: SpanRecorder) -> None:
    store = fact_store()
    traced.clear()

    found = await store.as_retriever(search_kwargs={"k": 2}).ainvoke(QUESTION)

    (span,) = traced.of_kind("RETRIEVER")
    (embedding,) = traced.of_kind("EMBEDDING")
    assert span.document_ids == [document.id for document in found]
    assert None not in span.document_scores
    assert embedding.parent_id == span.span_id


def test_distances_are_told_from_similarities(traced: SpanRecorder) -> None:
    store = DistanceStore(WordEmbeddings())
    store.add_documents(list(FACTS))
    traced.clear()

    store.as_retriever(search_kwargs={"k": 3}).invoke(QUESTION)

    (span,) = traced.of_kind("RETRIEVER")
    assert span.attributes["retrieval.score_sense"] == "distance"
    scores = span.document_scores
    assert scores == sorted(scores, key=lambda score: score or 0)


def test_relevance_scores_replace_the_raw_ones(traced: SpanRecorder) -> None:
    store = DistanceStore(WordEmbeddings())
    store.add_documents(list(FACTS))
    expected = store.similarity_search_with_relevance_scores(QUESTION, k=2)
    traced.clear()

    store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"k": 2, "score_threshold": 0.0}
    ).invoke(QUESTION)

    (span,) = traced.of_kind("RETRIEVER")
    assert span.document_scores == pytest.approx([score for _, score in expected])
    assert span.attributes["retrieval.score_sense"] == "similarity"


def test_mmr_has_no_scores_and_says_no_sense(traced: SpanRecorder) -> None:
    store = fact_store()
    traced.clear()

    found = store.as_retriever(search_type="mmr", search_kwargs={"k": 2}).invoke(QUESTION)

    (span,) = traced.of_kind("RETRIEVER")
    assert span.document_ids == [document.id for document in found]
    assert span.document_scores == [None, None]
    assert "retrieval.score_sense" not in span.attributes


@pytest.mark.parametrize(
    ("metadata", "known_id", "score", "sense"),
    [
        pytest.param({"id": "a", "score": 0.5}, "a", 0.5, "similarity", id="id and score"),
        pytest.param({"_id": "b", "relevance_score": 0.25}, "b", 0.25, "similarity", id="relevance"),
        pytest.param({"doc_id": 7, "_score": 3}, "7", 3.0, "similarity", id="search engine"),
        pytest.param({"id": "c", "distance": 0.75}, "c", 0.75, "distance", id="distance"),
        pytest.param({"score": "high"}, text_id("text"), None, None, id="neither"),
        pytest.param({"id": "d", "score": float("nan")}, "d", None, None, id="not a number"),
        pytest.param({"source": "a.md"}, "a.md", None, None, id="source"),
    ],
)
def test_id_and_score_come_from_metadata(
    traced: SpanRecorder,
    metadata: dict[str, Any],
    known_id: str | None,
    score: float | None,
    sense: str | None,
) -> None:
    ListRetriever(documents=[Document(page_content="text", metadata=metadata)]).invoke("q")

    span = traced.one()
    assert span.document_ids == [known_id]
    assert span.document_scores == [score]
    assert span.attributes.get("retrieval.score_sense") == sense
    assert span.attributes["retrieval.top_k"] == 3


def test_the_documents_own_id_wins_over_the_metadatas(traced: SpanRecorder) -> None:
    ListRetriever(documents=[Document(id="own", page_content="text", metadata={"id": "other"})]).invoke("q")

    assert traced.one().document_ids == ["own"]


def test_retriever_without_run_manager_is_current_while_it_works(traced: SpanRecorder) -> None:
    PlainRetriever().invoke(QUESTION)

    retriever, embedding = traced.all()
    assert embedding.parent_id == retriever.span_id
    assert retriever.document_ids == ["fact-paris"]
    assert retriever.document_scores[0] is not None


def test_hundred_documents_lose_no_rank(traced: SpanRecorder) -> None:
    documents = [
        Document(id=f"d{rank}", page_content="x" * 50, metadata={"score": 1 - rank / 100})
        for rank in range(100)
    ]

    ListRetriever(documents=documents, k=100).invoke("q")

    span = traced.one()
    assert len(span.attributes) <= 128
    assert span.attributes["input.value"] == "q"
    assert span.document_ids[:20] == [f"d{rank}" for rank in range(20)]
    assert '"d99"' in span.attributes["gen_ai.retrieval.documents"]
    assert "retrieval.documents" in str(span.attributes["groundtrace.truncated"])


def test_search_without_a_retriever_is_a_retriever_span(traced: SpanRecorder) -> None:
    store = fact_store()
    traced.clear()

    found = store.similarity_search_with_score(QUESTION, k=2)

    (span,) = traced.of_kind("RETRIEVER")
    (embedding,) = traced.of_kind("EMBEDDING")
    assert span.name == "InMemoryVectorStore"
    assert span.document_ids == [document.id for document, _ in found]
    assert span.document_scores == pytest.approx([score for _, score in found])
    assert span.attributes["retrieval.top_k"] == 2
    assert embedding.parent_id == span.span_id
    assert "groundtrace.indexing" not in embedding.attributes


def test_store_class_made_later_is_seen(traced: SpanRecorder) -> None:
    class LateStore(VectorStore):
        def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
            return [FACTS[0]]

        @classmethod
        def from_texts(cls, *args: Any, **kwargs: Any) -> "LateStore":
            return cls()

    assert LateStore().as_retriever().invoke("q") == [FACTS[0]]

    span = traced.one()
    assert span.name == "VectorStoreRetriever"
    assert span.document_ids == ["fact-paris"]
    assert span.document_scores == [None]


def test_a_text_is_carried_once_in_a_trace(traced: SpanRecorder) -> None:
    store = fact_store()

    class Outer(BaseRetriever):
        def _get_relevant_documents(
            self, query: str, *, run_manager: CallbackManagerForRetrieverRun
        ) -> list[Document]:
            return store.as_retriever(search_kwargs={"k": 2}).invoke(
                query, config={"callbacks": run_manager.get_child()}
            )

    traced.clear()
    Outer().invoke(QUESTION)

    outer, inner = traced.of_kind("RETRIEVER")
    assert inner.parent_id == outer.span_id
    assert outer.document_ids == inner.document_ids
    assert inner.documents("retrieval.documents", "content")[0] == FACTS[0].page_content
    assert outer.documents("retrieval.documents", "content") == [None, None]
