"""Text generation, feature extraction and sentence similarity through the inference client."""

from typing import Any

import numpy as np
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace.passages import text_id
from groundtrace_integrations.huggingface.client import provider_of
from tests.integrations.hub_replies import GENERATED, PROMPT_TOKENS, TOKENS
from tests.integrations.provider_stub import Provider, Reply
from tests.span_recorder import SpanRecorder

PROMPT = "The seat of the Swiss government?"


def test_a_generated_text_is_a_completion(traced: SpanRecorder, client: InferenceClient) -> None:
    assert client.text_generation(PROMPT, max_new_tokens=9, temperature=0.2) == GENERATED

    span = traced.one()
    assert (span.name, span.kind) == ("InferenceClient.text_generation", "LLM")
    attributes = span.attributes
    assert attributes["gen_ai.operation.name"] == "text_completion"
    assert attributes["llm.prompts.0.prompt.text"] == attributes["input.value"] == PROMPT
    assert attributes["llm.choices.0.completion.text"] == attributes["output.value"] == GENERATED
    assert attributes["gen_ai.request.max_tokens"] == 9
    assert attributes["gen_ai.request.temperature"] == 0.2
    assert "llm.token_count.total" not in attributes


def test_details_tell_tokens_and_the_reason_to_stop(traced: SpanRecorder, client: InferenceClient) -> None:
    answer = client.text_generation(PROMPT, details=True, decoder_input_details=True)

    assert answer.details is not None
    assert answer.details.generated_tokens == 5
    attributes = traced.one().attributes
    assert attributes["llm.token_count.prompt"] == PROMPT_TOKENS
    assert attributes["llm.token_count.completion"] == attributes["gen_ai.usage.output_tokens"] == 5
    assert attributes["llm.finish_reason"] == "eos_token"


@pytest.mark.parametrize("details", [False, True])
def test_a_text_token_by_token(traced: SpanRecorder, client: InferenceClient, details: bool) -> None:  # noqa: FBT001
    stream: Any = client.text_generation(PROMPT, stream=True, details=details)

    assert type(stream).__name__ == "generator"
    found = list(stream)
    assert [chunk.token.text if details else chunk for chunk in found] == [*TOKENS, "</s>"]
    attributes = traced.one().attributes
    assert attributes["gen_ai.response.time_to_first_chunk"] > 0
    if details:
        assert attributes["llm.choices.0.completion.text"] == GENERATED
        assert attributes["llm.token_count.total"] == PROMPT_TOKENS + 5
    else:
        assert attributes["llm.choices.0.completion.text"] == f"{GENERATED}</s>"


async def test_async_streams_are_read_along(traced: SpanRecorder, aclient: AsyncInferenceClient) -> None:
    stream: Any = await aclient.text_generation(PROMPT, stream=True)

    assert "".join([chunk async for chunk in stream]) == f"{GENERATED}</s>"
    assert traced.one().name == "AsyncInferenceClient.text_generation"


def test_a_call_that_the_client_asks_again_is_one_span(
    traced: SpanRecorder, client: InferenceClient, provider: Provider
) -> None:
    refusal = "The following `model_kwargs` are not used by the model: ['watermark']"
    provider.script.append(Reply(status=400, body={"error": refusal}))

    with pytest.warns(UserWarning, match="not served via TGI"):
        # The client remembers for good what a server does not take: one of its own for this.
        client.text_generation(PROMPT, model=f"{client.model}/old", watermark=True)

    assert len(provider.asked) == 2
    assert traced.one().attributes["llm.choices.0.completion.text"] == GENERATED


def test_vectors_of_texts_are_one_encoder_span(traced: SpanRecorder, client: InferenceClient) -> None:
    vectors = client.feature_extraction(["Bern", "Basel"], normalize=False)

    assert vectors.shape == (2, 3)
    span = traced.one()
    assert (span.name, span.kind) == ("InferenceClient.feature_extraction", "EMBEDDING")
    attributes = span.attributes
    assert attributes["embedding.text_count"] == 2
    assert attributes["embedding.embeddings.1.embedding.text"] == "Basel"
    assert attributes["gen_ai.embeddings.dimension.count"] == 3
    assert attributes["embedding.norm.mean"] == 5.0
    assert attributes["embedding.texts_per_second"] > 0
    assert attributes["embedding.invocation_parameters"] == '{"normalize":false}'
    # The address without credentials: the server's answers name no model.
    name = str(client.model).removeprefix("http://")
    assert attributes["embedding.model_name"] == name
    assert attributes["embedding.fingerprint"] == embedding_fingerprint(
        model=name, dimension=3, normalized=False
    )
    assert not [key for key in attributes if key.endswith("embedding.vector")]


def test_vectors_are_kept_only_when_asked_for(
    traced: SpanRecorder, client: InferenceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDTRACE_VECTOR_SAMPLE", "1")

    client.feature_extraction(["Bern", "Basel"])

    attributes = traced.one().attributes
    assert attributes["embedding.embeddings.1.embedding.vector"] == (3.0, 4.0, 0.0)


async def test_async_vectors_are_traced(traced: SpanRecorder, aclient: AsyncInferenceClient) -> None:
    assert isinstance(await aclient.feature_extraction(["Bern"]), np.ndarray)

    assert traced.one().name == "AsyncInferenceClient.feature_extraction"


def test_a_failing_encoder_fails_as_before(
    traced: SpanRecorder, client: InferenceClient, provider: Provider
) -> None:
    provider.script.append(Reply(status=413, body={"error": "too long"}))

    with pytest.raises(HfHubHTTPError):
        client.feature_extraction("Bern")

    assert traced.one().status.name == "ERROR"


def test_similar_sentences_are_a_reranking(traced: SpanRecorder, client: InferenceClient) -> None:
    texts = ["short", "much longer", "longest of them all"]

    scores = client.sentence_similarity("query", texts)

    assert scores == [0.05, 0.11, 0.19]
    span = traced.one()
    assert (span.name, span.kind) == ("InferenceClient.sentence_similarity", "RERANKER")
    assert span.attributes["reranker.query"] == "query"
    assert span.documents("reranker.input_documents", "content") == texts
    assert span.documents("reranker.output_documents", "content") == texts[::-1]
    assert span.documents("reranker.output_documents", "score") == [0.19, 0.11, 0.05]
    assert span.documents("reranker.output_documents", "id") == [text_id(text) for text in texts[::-1]]


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (None, "huggingface"),
        ("auto", "huggingface"),
        ("hf-inference", "huggingface"),
        ("together", "together"),
    ],
)
def test_the_provider_is_who_runs_the_model(provider: Any, name: str) -> None:
    assert provider_of(InferenceClient(provider=provider)) == name
