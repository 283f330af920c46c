"""On, off, on again; suppressed; beside other instrumentors; below LangChain; faults of ours."""

import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.llms import LLM
from opentelemetry.instrumentation.utils import suppress_instrumentation

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_integrations.huggingface import HuggingFaceInstrumentor
from groundtrace_integrations.langchain import LangChainInstrumentor
from tests.integrations.hub_replies import GENERATED
from tests.integrations.huggingface.test_chat import MODEL, QUESTION
from tests.integrations.provider_stub import ANSWER
from tests.span_recorder import SpanRecorder

METHODS = ["chat_completion", "text_generation", "feature_extraction", "sentence_similarity"]


def test_uninstrument_restores_and_instrument_works_again(
    spans: SpanRecorder, client: InferenceClient
) -> None:
    places = [(cls, name) for cls in (InferenceClient, AsyncInferenceClient) for name in METHODS]
    before = [vars(cls)[name] for cls, name in places]
    instrumentor = HuggingFaceInstrumentor()
    for _ in range(2):
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
        assert not any(vars(cls)[name] is old for (cls, name), old in zip(places, before, strict=True))
        client.chat_completion(QUESTION, model=MODEL)
        instrumentor.uninstrument()
        assert [vars(cls)[name] for cls, name in places] == before
        client.chat_completion(QUESTION, model=MODEL)

    assert len(spans.all()) == 2


def test_suppressed_calls_have_no_span(traced: SpanRecorder, client: InferenceClient) -> None:
    with suppress_instrumentation():
        client.chat_completion(QUESTION, model=MODEL)

    assert traced.all() == []


@pytest.mark.parametrize("broken", ["request_attributes", "answer_attributes"])
def test_a_fault_of_ours_reaches_nobody(
    traced: SpanRecorder,
    client: InferenceClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("ours")

    monkeypatch.setenv("GROUNDTRACE_RAISE_FAULTS", "0")
    monkeypatch.setattr(f"groundtrace_integrations.huggingface.generation.{broken}", fails)
    for _ in range(2):
        assert client.chat_completion(QUESTION, model=MODEL).choices[0].message.content == ANSWER
        chunks: Any = client.chat_completion(QUESTION, model=MODEL, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER

    assert len(traced.all()) == 4
    assert len([r for r in caplog.records if "groundtrace failed" in r.message]) == 1  # once a place


@pytest.fixture
def peer() -> Iterator[Any]:
    """Stand where traceAI's instrumentor stands when it is on: what is asked of it is one flag."""

    class HuggingFaceInstrumentor:
        _instance: Any = None
        is_instrumented_by_opentelemetry = True

    HuggingFaceInstrumentor._instance = HuggingFaceInstrumentor()
    module = ModuleType("traceai_huggingface")
    module.HuggingFaceInstrumentor = HuggingFaceInstrumentor  # type: ignore[attr-defined]
    sys.modules["traceai_huggingface"] = module
    yield HuggingFaceInstrumentor._instance
    del sys.modules["traceai_huggingface"]


def test_another_vendors_instrumentor_is_noticed_and_not_doubled(
    traced: SpanRecorder, client: InferenceClient, peer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            client.chat_completion(QUESTION, model=MODEL)
    assert traced.all() == []
    assert len([r for r in caplog.records if "traceai_huggingface" in r.message]) == 1

    peer.is_instrumented_by_opentelemetry = False
    client.chat_completion(QUESTION, model=MODEL)
    assert len(traced.all()) == 1


class HubEmbeddings(Embeddings):
    """LangChain's encoder above the client, as langchain-huggingface has it."""

    model = "intfloat/e5-small"

    def __init__(self, client: InferenceClient) -> None:
        self.client = client

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        found: list[list[float]] = self.client.feature_extraction(texts, normalize=True).tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class HubModel(LLM):
    """A model of the app's own above the client."""

    client: Any

    @property
    def _llm_type(self) -> str:
        return "hub"

    def _call(self, prompt: str, *_: Any, **__: Any) -> str:
        return str(self.client.text_generation(prompt))


@pytest.fixture
def both(traced: SpanRecorder) -> Iterator[SpanRecorder]:
    LangChainInstrumentor().instrument(tracer_provider=traced.provider, skip_dep_check=True)
    try:
        yield traced
    finally:
        LangChainInstrumentor().uninstrument()


def test_langchain_above_the_client_is_one_encoder_span(both: SpanRecorder, client: InferenceClient) -> None:
    HubEmbeddings(client).embed_query("Bern")

    span = both.one()
    assert span.name == "HubEmbeddings"
    assert span.attributes["embedding.model_name"] == "intfloat/e5-small"
    assert span.attributes["embedding.norm.mean"] == 5.0
    assert span.attributes["embedding.fingerprint"] == embedding_fingerprint(
        model="intfloat/e5-small", dimension=3, normalized=True
    )


def test_langchain_above_the_client_is_one_model_call(both: SpanRecorder, client: InferenceClient) -> None:
    assert HubModel(client=client).invoke("Where?") == GENERATED

    assert [span.name for span in both.all()] == ["HubModel"]


def test_instrument_does_not_import_the_library_and_traces_it_once_it_is() -> None:
    program = """
        import sys
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from groundtrace_integrations.huggingface import HuggingFaceInstrumentor

        provider, exporter = TracerProvider(), InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        HuggingFaceInstrumentor().instrument(tracer_provider=provider)
        assert "huggingface_hub" not in sys.modules

        from huggingface_hub import InferenceClient
        try:
            InferenceClient(model="http://127.0.0.1:9").text_generation("Where?")
        except Exception:
            pass
        print([span.name for span in exporter.get_finished_spans()])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == "['InferenceClient.text_generation']", done.stderr
