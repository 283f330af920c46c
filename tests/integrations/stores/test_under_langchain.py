"""Stores' clients below LangChain, both instrumented: one RETRIEVER a retrieval, with the store's scores."""

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from groundtrace_integrations.chroma import ChromaInstrumentor
from groundtrace_integrations.faiss import FAISSInstrumentor
from groundtrace_integrations.langchain import LangChainInstrumentor
from groundtrace_integrations.qdrant import QdrantInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import SpanRecorder

if find_spec("langchain_chroma") is None:
    pytest.skip("an old library's environment has no LangChain", allow_module_level=True)

from tests.integrations.langchain.parts import FACTS, WordEmbeddings

QUESTION = "What is the capital of France?"
IDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(len(FACTS))]


def chroma() -> Any:
    from chromadb import EphemeralClient
    from chromadb.config import Settings
    from langchain_chroma import Chroma

    client = EphemeralClient(Settings(anonymized_telemetry=False))
    return Chroma("langchain", WordEmbeddings(), client=client)


def qdrant() -> Any:
    from langchain_qdrant import QdrantVectorStore

    return QdrantVectorStore.from_texts(
        [], WordEmbeddings(), location=":memory:", collection_name="langchain"
    )


def faiss() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own end
        from langchain_community.docstore.in_memory import InMemoryDocstore
        from langchain_community.vectorstores import FAISS
    from faiss import IndexFlatL2

    return FAISS(WordEmbeddings(), IndexFlatL2(WordEmbeddings.dimension), InMemoryDocstore(), {})


@pytest.fixture(scope="module", params=[chroma, qdrant, faiss])
def store(request: pytest.FixtureRequest) -> Any:
    store = request.param()
    store.add_documents(list(FACTS), ids=IDS)
    return store


@pytest.fixture(autouse=True)
def traced(spans: SpanRecorder, store: Any) -> Iterator[SpanRecorder]:  # noqa: ARG001 - filled before
    everything = (LangChainInstrumentor(), FAISSInstrumentor(), ChromaInstrumentor(), QdrantInstrumentor())
    with instrumented(spans, *everything):
        yield spans


async def invoke(retriever: Any) -> Any:
    return retriever.invoke(QUESTION)


async def ainvoke(retriever: Any) -> Any:
    return await retriever.ainvoke(QUESTION)


@pytest.mark.parametrize("ask", [invoke, ainvoke])
async def test_a_retriever_is_one_span_scored_by_the_store(
    traced: SpanRecorder, store: Any, ask: Any
) -> None:
    expected = store.similarity_search_with_score(QUESTION, k=2)
    traced.clear()

    found = await ask(store.as_retriever(search_kwargs={"k": 2}))

    (span,) = traced.of_kind("RETRIEVER")
    assert span.name == "VectorStoreRetriever"
    assert len(traced.trace_ids()) == 1
    assert span.document_ids == [IDS[0], IDS[1]]
    assert span.documents("retrieval.documents", "content") == [document.page_content for document in found]
    assert span.document_scores == pytest.approx([score for _, score in expected])
    sense = "similarity" if type(store).__name__ == "QdrantVectorStore" else "distance"
    assert span.attributes["retrieval.score_sense"] == sense
    assert span.attributes["retrieval.top_k"] == 2


def test_a_search_without_a_retriever_is_one_span(traced: SpanRecorder, store: Any) -> None:
    store.similarity_search_with_score(QUESTION, k=1)

    (span,) = traced.of_kind("RETRIEVER")
    assert span.name == type(store).__name__
    assert len(traced.trace_ids()) == 1


def test_what_langchain_leaves_unscored_has_the_stores_own_scores(traced: SpanRecorder, store: Any) -> None:
    scores = {
        document.page_content: score for document, score in store.similarity_search_with_score(QUESTION, k=4)
    }
    traced.clear()

    found = store.as_retriever(search_type="mmr", search_kwargs={"k": 2, "fetch_k": 4}).invoke(QUESTION)

    (span,) = traced.of_kind("RETRIEVER")
    assert span.attributes["retrieval.top_k"] == 2
    if type(store).__name__ == "FAISS":  # its numbers are not the app's ids, and it has no texts
        assert span.document_scores == [None, None]
    else:
        assert span.document_scores == pytest.approx([scores[document.page_content] for document in found])


def test_a_client_that_a_chain_step_calls_itself_is_its_own_retriever(
    traced: SpanRecorder, store: Any
) -> None:
    from langchain_core.runnables import RunnableLambda

    vector = WordEmbeddings().embed_query(QUESTION)
    traced.clear()
    searches = {
        "Chroma": lambda _: store._collection.query(query_embeddings=[vector], n_results=2),
        "QdrantVectorStore": lambda _: store.client.query_points("langchain", vector, limit=2),
        "FAISS": lambda _: store.index.search(_row(vector), 2),
    }

    RunnableLambda(searches[type(store).__name__], name="step").invoke("go")

    step = traced.named("step")
    (span,) = traced.of_kind("RETRIEVER")
    assert span.parent_id == step.span_id
    assert len(span.document_ids) == 2
    assert None not in span.document_scores


def _row(vector: list[float]) -> Any:
    import numpy as np

    return np.array([vector], dtype=np.float32)


@pytest.mark.parametrize("store", [qdrant], indirect=True)
def test_a_retriever_of_the_apps_own_takes_the_clients_scores(traced: SpanRecorder, store: Any) -> None:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class Own(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:  # noqa: ARG002
            points = store.client.query_points(
                "langchain", WordEmbeddings().embed_query(query), limit=3
            ).points
            return [Document(id=str(p.id), page_content=p.payload["page_content"]) for p in points[:2]]

    Own().invoke(QUESTION)

    (span,) = traced.of_kind("RETRIEVER")
    assert span.name == "Own"
    assert span.document_ids == [IDS[0], IDS[1]]
    assert None not in span.document_scores
    assert span.attributes["retrieval.score_sense"] == "similarity"
    assert span.attributes["gen_ai.data_source.id"] == "langchain"
