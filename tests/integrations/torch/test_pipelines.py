"""transformers' pipelines for text, with the tokens that went through the model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundtrace_integrations.huggingface import HuggingFaceInstrumentor
from tests.span_recorder import SpanRecorder

pytestmark = [pytest.mark.verify, pytest.mark.filterwarnings("ignore::FutureWarning")]
PROMPT = "the warranty is"


@pytest.fixture(scope="module")
def writer(writer_folder: Path) -> Any:
    from transformers import pipeline

    return pipeline("text-generation", model=str(writer_folder), device="cpu")


@pytest.fixture(scope="module")
def extractor(cross_encoder_folder: Path) -> Any:
    from transformers import pipeline

    return pipeline("feature-extraction", model=str(cross_encoder_folder), device="cpu")


def asked_tokens(writer: Any, prompt: str) -> int:
    """Return how many tokens the pipeline makes of a prompt: its versions differ in the special ones."""
    return int(encoded(writer, prompt)["input_ids"].shape[1])


def new_tokens(writer: Any, prompt: str, **options: Any) -> int:
    """Return how many tokens the model writes, from the model itself."""
    inputs = encoded(writer, prompt)
    ids = writer.model.generate(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], do_sample=False, **options
    )
    return int(ids.shape[1] - inputs["input_ids"].shape[1])


def encoded(writer: Any, prompt: str) -> Any:
    return writer.preprocess(prompt, **writer._preprocess_params)


def test_a_text_is_one_span_with_its_tokens(traced: SpanRecorder, writer: Any, writer_folder: Path) -> None:
    answer = writer(PROMPT, max_new_tokens=5, do_sample=False)

    span = traced.one()
    assert (span.name, span.kind) == ("TextGenerationPipeline", "LLM")
    attributes = span.attributes
    assert attributes["llm.model_name"] == str(writer_folder)
    assert attributes["gen_ai.operation.name"] == "text_completion"
    assert attributes["llm.prompts.0.prompt.text"] == attributes["input.value"] == PROMPT
    written = answer[0]["generated_text"].removeprefix(PROMPT)
    assert written
    assert attributes["llm.choices.0.completion.text"] == attributes["output.value"] == written
    assert attributes["gen_ai.request.max_tokens"] == 5
    assert attributes["llm.token_count.prompt"] == asked_tokens(writer, PROMPT)
    assert attributes["llm.token_count.completion"] == new_tokens(writer, PROMPT, max_new_tokens=5)


def test_several_prompts_are_one_span_with_the_tokens_of_all(traced: SpanRecorder, writer: Any) -> None:
    prompts = [PROMPT, "the kettle"]
    writer(prompts, max_new_tokens=3, do_sample=False)

    attributes = traced.one().attributes
    assert attributes["llm.prompts.1.prompt.text"] == prompts[1]
    assert "llm.choices.1.completion.text" in attributes
    assert attributes["llm.token_count.completion"] == sum(
        new_tokens(writer, prompt, max_new_tokens=3) for prompt in prompts
    )
    assert attributes["llm.token_count.prompt"] == sum(asked_tokens(writer, prompt) for prompt in prompts)


def test_a_chat_is_messages(traced: SpanRecorder, writer: Any) -> None:
    chat = [{"role": "user", "content": PROMPT}]
    answer = writer(chat, max_new_tokens=4, do_sample=False)

    attributes = traced.one().attributes
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["llm.input_messages.0.message.content"] == PROMPT
    assert attributes["llm.output_messages.0.message.role"] == "assistant"
    assert (
        attributes["llm.output_messages.0.message.content"]
        == answer[0]["generated_text"][-1]["content"]
        != ""
    )


@pytest.mark.parametrize(
    "options", [{"return_full_text": False}, {"num_return_sequences": 2, "do_sample": True}], ids=str
)
def test_options_change_nothing_that_the_app_gets(traced: SpanRecorder, writer: Any, options: Any) -> None:
    answer = writer(PROMPT, max_new_tokens=4, **options)

    attributes = traced.one().attributes
    for place, record in enumerate(answer):
        text = record["generated_text"].removeprefix(PROMPT)
        assert attributes[f"llm.choices.{place}.completion.text"] == text


def test_results_handed_out_one_by_one_have_no_span(traced: SpanRecorder, writer: Any) -> None:
    def prompts() -> Iterator[str]:
        yield PROMPT

    assert len(list(writer(prompts(), max_new_tokens=2))) == 1
    assert traced.all() == []


def test_a_failing_model_fails_as_before(traced: SpanRecorder, writer: Any) -> None:
    with pytest.raises(ValueError, match="model_kwargs"):
        writer(PROMPT, nonsense=1)

    assert traced.one().status.name == "ERROR"


def test_features_are_an_encoder_span(
    traced: SpanRecorder, extractor: Any, cross_encoder_folder: Path
) -> None:
    features = extractor(["the kettle is", "warranty"])

    span = traced.one()
    assert (span.name, span.kind) == ("FeatureExtractionPipeline", "EMBEDDING")
    attributes = span.attributes
    assert attributes["embedding.model_name"] == str(cross_encoder_folder)
    assert attributes["gen_ai.embeddings.dimension.count"] == 16
    assert attributes["embedding.text_count"] == 2
    assert attributes["llm.token_count.prompt"] == sum(np.asarray(found).shape[1] for found in features)
    # Vectors of tokens: what the app pools them to is another space.
    assert "embedding.fingerprint" not in attributes


def test_features_as_tensors(traced: SpanRecorder, extractor: Any) -> None:
    assert extractor("kettle", return_tensors=True).shape[-1] == 16

    assert traced.one().attributes["gen_ai.embeddings.dimension.count"] == 16


def test_langchains_model_above_it_is_one_call_with_the_tokens(traced: SpanRecorder, writer: Any) -> None:
    HuggingFacePipeline = pytest.importorskip("langchain_huggingface").HuggingFacePipeline  # noqa: N806

    from groundtrace_integrations.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=traced.provider, skip_dep_check=True)
    try:
        HuggingFacePipeline(pipeline=writer).invoke(PROMPT, pipeline_kwargs={"max_new_tokens": 3})
    finally:
        LangChainInstrumentor().uninstrument()

    span = traced.one()
    assert span.name == "HuggingFacePipeline"
    assert span.attributes["llm.token_count.prompt"] == asked_tokens(writer, PROMPT)


def test_uninstrument_restores(spans: SpanRecorder, writer: Any) -> None:
    cls = type(writer)
    before = (vars(cls)["__call__"], vars(cls)["_forward"])
    HuggingFaceInstrumentor().instrument(tracer_provider=spans.provider, skip_dep_check=True)
    HuggingFaceInstrumentor().uninstrument()

    assert (vars(cls)["__call__"], vars(cls)["_forward"]) == before
    writer(PROMPT, max_new_tokens=2)
    assert spans.all() == []
