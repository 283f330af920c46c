"""Embeddings: which model, which space, how many texts; never the vectors."""

import math
from typing import Any

import openai
import pytest

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace.settings import TraceSettings, use_settings
from tests.integrations.provider_stub import DIMENSION, Provider
from tests.span_recorder import SpanRecorder


def test_an_embedding_is_one_span_without_vectors(traced: SpanRecorder, client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["Bern", "Basel"])

    assert [len(item.embedding) for item in answer.data] == [DIMENSION] * 2
    span = traced.one()
    assert (span.name, span.kind) == ("CreateEmbeddings", "EMBEDDING")
    attributes = span.attributes
    assert attributes["embedding.model_name"] == "text-embedding-3-small"
    assert attributes["embedding.text_count"] == 2
    assert attributes["embedding.embeddings.1.embedding.text"] == "Basel"
    assert attributes["gen_ai.embeddings.dimension.count"] == DIMENSION
    assert attributes["embedding.fingerprint"] == embedding_fingerprint(
        model="text-embedding-3-small", dimension=DIMENSION
    )
    assert attributes["llm.token_count.prompt"] == attributes["gen_ai.usage.input_tokens"] == 10
    assert not [key for key in attributes if "vector" in key]


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize("dimension", [1, 2, 3, 256])
def test_the_dimension_is_known_in_each_encoding(
    traced: SpanRecorder, client: openai.OpenAI, encoding: Any, dimension: int
) -> None:
    client.embeddings.create(model="e", input="Bern", encoding_format=encoding, dimensions=dimension)

    assert traced.one().attributes["gen_ai.embeddings.dimension.count"] == dimension


async def test_async_embeddings_are_traced(traced: SpanRecorder, aclient: openai.AsyncOpenAI) -> None:
    await aclient.embeddings.create(model="e", input="Bern")

    assert traced.one().attributes["input.value"] == "Bern"


@pytest.mark.parametrize(("given", "count"), [([1, 2, 3], 1), ([[1, 2], [3]], 2)], ids=["one", "two"])
def test_texts_given_as_token_numbers_are_counted(
    traced: SpanRecorder, client: openai.OpenAI, given: Any, count: int
) -> None:
    client.embeddings.create(model="e", input=given)

    span = traced.one()
    assert span.attributes["embedding.text_count"] == count
    assert "embedding.embeddings.0.embedding.text" not in span.attributes


def test_a_large_batch_is_bounded(traced: SpanRecorder, client: openai.OpenAI, provider: Provider) -> None:
    client.embeddings.create(model="e", input=[f"text {n}" for n in range(500)])

    span = traced.one()
    assert span.attributes["embedding.text_count"] == 500
    assert len([key for key in span.attributes if key.endswith("embedding.text")]) == 32
    assert span.attributes["groundtrace.truncated"] == ("embedding.embeddings",)
    assert len(provider.asked[0]["input"]) == 500


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_norms_and_speed_are_told_and_vectors_when_asked_for(
    traced: SpanRecorder, client: openai.OpenAI, encoding: Any
) -> None:
    use_settings(TraceSettings(vector_sample=1.0))
    answer = client.embeddings.create(model="e", input=["Bern", "Basel"], encoding_format="float")
    client.embeddings.create(model="e", input=["Bern", "Basel"], encoding_format=encoding)

    attributes = traced.all()[1].attributes
    norms = sorted(math.hypot(*item.embedding) for item in answer.data)
    assert attributes["embedding.norm.min"] == pytest.approx(norms[0], rel=1e-6)
    assert attributes["embedding.norm.max"] == pytest.approx(norms[1], rel=1e-6)
    assert attributes["embedding.texts_per_second"] > 0
    for place, item in enumerate(answer.data):
        kept = attributes[f"embedding.embeddings.{place}.embedding.vector"]
        assert kept == pytest.approx(tuple(item.embedding), rel=1e-6)
