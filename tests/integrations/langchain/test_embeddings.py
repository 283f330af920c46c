# ruff: noqa: ARG002 - LangChain's interfaces name the arguments
"""Encoders: LangChain tells nobody of them, so this is what no callback shows."""

import asyncio
import math
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from pydantic import BaseModel

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace.settings import TraceSettings, use_settings
from groundtrace_integrations.langchain import LangChainInstrumentor
from tests.integrations.langchain.parts import FACTS, WordEmbeddings, fact_store
from tests.span_recorder import SpanRecorder


def test_query_span_names_model_version_dimension_and_text(traced: SpanRecorder) -> None:
    vector = WordEmbeddings().embed_query("hello")

    span = traced.one()
    assert span.name == "WordEmbeddings"
    assert span.kind == "EMBEDDING"
    assert span.attributes["embedding.model_name"] == "words"
    assert span.attributes["gen_ai.request.model"] == "words"
    assert span.attributes["embedding.model_version"] == "2"
    assert span.attributes["gen_ai.embeddings.dimension.count"] == len(vector) == 64
    assert span.attributes["embedding.text_count"] == 1
    assert span.attributes["embedding.embeddings.0.embedding.text"] == "hello"
    assert span.attributes["input.value"] == "hello"
    assert span.attributes["embedding.fingerprint"] == embedding_fingerprint(
        model="words", version="2", dimension=64
    )
    assert not any("vector" in key for key in span.attributes)


def test_texts_of_one_call_are_one_span(traced: SpanRecorder) -> None:
    WordEmbeddings().embed_documents(["one", "two", "three"])

    span = traced.one()
    assert span.attributes["embedding.text_count"] == 3
    assert span.attributes["embedding.embeddings.2.embedding.text"] == "three"


def test_indexing_is_told_from_retrieval(traced: SpanRecorder) -> None:
    store = fact_store()
    store.as_retriever().invoke("capital?")

    indexing, asking = traced.of_kind("EMBEDDING")
    assert indexing.attributes["groundtrace.indexing"] is True
    assert "groundtrace.indexing" not in asking.attributes


def test_unknown_model_has_no_name_and_no_version(traced: SpanRecorder) -> None:
    DeterministicFakeEmbedding(size=8).embed_query("hello")

    span = traced.one()
    assert "embedding.model_name" not in span.attributes
    assert "embedding.model_version" not in span.attributes
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 8


@pytest.mark.parametrize("method", ["aembed_query", "aembed_documents"])
async def test_async_form_through_the_executor_is_one_span(traced: SpanRecorder, method: str) -> None:
    await getattr(WordEmbeddings(), method)("hello" if method == "aembed_query" else ["hello"])

    assert traced.one().kind == "EMBEDDING"


async def test_native_async_encoder_is_seen_and_nests(traced: SpanRecorder) -> None:
    class AsyncEmbeddings(WordEmbeddings):
        async def aembed_query(self, text: str) -> list[float]:
            await asyncio.sleep(0)
            return [1.0, 2.0]

    store = fact_store(AsyncEmbeddings())
    traced.clear()
    await asyncio.gather(*(AsyncEmbeddings().aembed_query(str(number)) for number in range(3)))

    assert [span.attributes["gen_ai.embeddings.dimension.count"] for span in traced.all()] == [2, 2, 2]
    assert store is not None


def test_super_call_is_no_second_span(traced: SpanRecorder) -> None:
    class Loud(WordEmbeddings):
        def embed_query(self, text: str) -> list[float]:
            return super().embed_query(text.upper())

    Loud().embed_query("hello")

    assert traced.one().name == "Loud"


def test_cache_and_the_encoder_below_it_are_one_span_with_the_encoders_name(traced: SpanRecorder) -> None:
    class Cache(Embeddings):
        def __init__(self, below: Embeddings) -> None:
            self.below = below
            self.known: dict[str, list[float]] = {}

        def embed_query(self, text: str) -> list[float]:
            if text not in self.known:
                self.known[text] = self.below.embed_query(text)
            return self.known[text]

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [self.embed_query(text) for text in texts]

    cache = Cache(WordEmbeddings())
    cache.embed_query("hello")

    span = traced.one()
    assert span.name == "Cache"
    assert span.attributes["embedding.model_name"] == "words"


def test_pydantic_encoder_defined_after_instrumenting_is_seen(traced: SpanRecorder) -> None:
    class Hosted(BaseModel, Embeddings):
        model: str = "hosted-3"
        model_kwargs: dict[str, Any] = {"revision": "r5"}

        def embed_query(self, text: str) -> list[float]:
            return [0.0]

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[0.0] for _ in texts]

    Hosted().embed_query("hello")

    span = traced.one()
    assert span.attributes["embedding.model_name"] == "hosted-3"
    assert span.attributes["embedding.model_version"] == "r5"


def test_a_failing_encoder_fails_as_before(traced: SpanRecorder) -> None:
    class Broken(WordEmbeddings):
        def embed_query(self, text: str) -> list[float]:
            raise ConnectionError("encoder away")

    with pytest.raises(ConnectionError, match="encoder away"):
        Broken().embed_query("hello")

    span = traced.one()
    assert span.status.name == "ERROR"
    assert span.attributes["error.type"] == "ConnectionError"
    assert span.event_names == ["exception"]


def test_many_long_texts_stay_within_the_spans_limits(traced: SpanRecorder) -> None:
    WordEmbeddings().embed_documents(["word " * 1_000] * 500)

    span = traced.one()
    assert span.attributes["embedding.text_count"] == 500
    assert len(span.attributes) <= 128
    assert sum(len(str(value)) for value in span.attributes.values()) < 50_000
    assert "embedding.embeddings" in span.attributes["groundtrace.truncated"]


def test_hidden_embedding_text_is_redacted(traced: SpanRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENINFERENCE_HIDE_EMBEDDINGS_TEXT", "true")

    WordEmbeddings().embed_query("secret")

    assert traced.one().attributes["embedding.embeddings.0.embedding.text"] == "__REDACTED__"


def test_uninstrumented_classes_are_as_they_were(traced: SpanRecorder) -> None:
    wrapped = WordEmbeddings.__dict__["embed_query"]
    LangChainInstrumentor().uninstrument()

    assert WordEmbeddings.__dict__["embed_query"] is wrapped.__wrapped__
    assert "__init_subclass__" not in Embeddings.__dict__
    WordEmbeddings().embed_documents([FACTS[0].page_content])
    assert traced.all() == []


def test_norms_speed_and_batch_size_are_told_and_vectors_when_asked_for(traced: SpanRecorder) -> None:
    use_settings(TraceSettings(vector_sample=1.0))

    class Batched(WordEmbeddings):
        batch_size = 2

    vectors = Batched().embed_documents(["one", "two three", "four"])

    attributes = traced.one().attributes
    norms = [math.hypot(*vector) for vector in vectors]
    assert attributes["embedding.norm.mean"] == pytest.approx(sum(norms) / 3)
    assert attributes["embedding.norm.max"] == pytest.approx(max(norms))
    assert attributes["embedding.texts_per_second"] > 0
    assert attributes["embedding.batch_size"] == 2
    assert [attributes[f"embedding.embeddings.{n}.embedding.vector"] for n in range(3)] == [
        tuple(vector) for vector in vectors
    ]
