"""Switching on and off: by itself, by groundtrace.instrument(), by entry point, suppressed, restored."""

import inspect
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import langchain_core.runnables.config as runnable_config
import pytest
from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForChainRun,
)
from langchain_core.documents import BaseDocumentCompressor
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import groundtrace
from groundtrace.settings import TraceSettings
from groundtrace_integrations.langchain import LangChainInstrumentor
from tests.integrations.langchain.parts import OverlapReranker, WordEmbeddings, rag_chain
from tests.span_recorder import SpanRecorder

HOOKED = (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForChainRun,
    BaseChatModel,
    BaseLLM,
    BaseRetriever,
    BaseDocumentCompressor,
    Embeddings,
    InMemoryVectorStore,
    OverlapReranker,
    VectorStore,
    WordEmbeddings,
    runnable_config,
)


def namespaces() -> list[dict[str, Any]]:
    return [
        {name: value for name, value in vars(owner).items() if callable(value) or name == "__init_subclass__"}
        for owner in HOOKED
    ]


def test_uninstrument_restores_every_hooked_name(spans: SpanRecorder) -> None:
    before = namespaces()

    LangChainInstrumentor().instrument(tracer_provider=spans.provider)
    during = namespaces()
    LangChainInstrumentor().uninstrument()

    assert during != before
    assert namespaces() == before
    RunnableLambda(str.upper).invoke("x")
    assert spans.all() == []


def test_instrumenting_again_works_and_gives_each_span_once(spans: SpanRecorder) -> None:
    for _ in range(3):
        LangChainInstrumentor().instrument(tracer_provider=spans.provider)
        LangChainInstrumentor().uninstrument()
    LangChainInstrumentor().instrument(tracer_provider=spans.provider)
    try:
        RunnableLambda(str.upper).invoke("x")
    finally:
        LangChainInstrumentor().uninstrument()

    assert spans.one().name == "upper"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (CallbackManager, "on_tool_start"),
        (AsyncCallbackManager, "on_chain_start"),
        (CallbackManagerForChainRun, "on_chain_end"),
        (AsyncCallbackManagerForLLMRun, "on_llm_end"),
        (BaseRetriever, "invoke"),
        (BaseRetriever, "ainvoke"),
        (BaseChatModel, "stream"),
        (BaseChatModel, "astream"),
        (WordEmbeddings, "embed_query"),
        (OverlapReranker, "compress_documents"),
        (InMemoryVectorStore, "similarity_search"),
        (InMemoryVectorStore, "asimilarity_search"),
    ],
)
def test_hooked_methods_keep_signature_name_and_nature(spans: SpanRecorder, owner: type, name: str) -> None:
    plain = vars(owner)[name]
    LangChainInstrumentor().instrument(tracer_provider=spans.provider)
    try:
        hooked = vars(owner)[name]
        assert hooked is not plain
        assert inspect.signature(hooked) == inspect.signature(plain)
        assert (hooked.__name__, hooked.__doc__) == (plain.__name__, plain.__doc__)
        for nature in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            assert nature(hooked) == nature(plain)
    finally:
        LangChainInstrumentor().uninstrument()


def test_wrapper_under_somebody_elses_is_inert_after_uninstrument(
    spans: SpanRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    LangChainInstrumentor().instrument(tracer_provider=spans.provider)
    ours = vars(WordEmbeddings)["embed_query"]
    monkeypatch.setattr(WordEmbeddings, "embed_query", lambda self, text: ours(self, text))  # noqa: PLW0108 - a plain function, as theirs would be
    LangChainInstrumentor().uninstrument()

    assert len(WordEmbeddings().embed_query("hello")) == 64
    assert spans.all() == []
    monkeypatch.undo()
    WordEmbeddings.embed_query = ours.__wrapped__  # type: ignore[method-assign]


def test_suppression_is_honoured(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    with suppress_instrumentation():
        chain.invoke("capital?")
        list(chain.stream("capital?"))

    assert traced.all() == []


def test_suppression_that_starts_inside_a_run_lets_the_run_end(traced: SpanRecorder) -> None:
    def quiet(text: str) -> str:
        with suppress_instrumentation():
            return str(FakeListChatModel(responses=["quiet"]).invoke(text).content)

    assert RunnableLambda(quiet).invoke("x") == "quiet"

    assert traced.one().attributes["output.value"] == "quiet"


def test_entry_point_names_this_instrumentor() -> None:
    (entry,) = entry_points(group="opentelemetry_instrumentor", name="groundtrace-langchain")

    assert entry.load() is LangChainInstrumentor
    assert LangChainInstrumentor().instrumentation_dependencies() == ("langchain-core >= 0.3.9",)


def test_the_one_line_traces_langchain(spans: SpanRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    groundtrace.instrument(only=["langchain"], content="ids")
    try:
        FakeListChatModel(responses=["secret"]).invoke("secret")
        assert LangChainInstrumentor().is_instrumented_by_opentelemetry
    finally:
        groundtrace.uninstrument()

    assert spans.one().kind == "LLM"
    assert "secret" not in str(dict(spans.one().attributes))
    assert not LangChainInstrumentor().is_instrumented_by_opentelemetry


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(
            SimpleNamespace(hide_inputs=True, hide_outputs=False, other=1), id="OpenInference's TraceConfig"
        ),
        pytest.param(TraceSettings(hide_inputs=True), id="TraceSettings"),
    ],
)
def test_config_argument_hides_what_it_says(spans: SpanRecorder, config: Any) -> None:
    LangChainInstrumentor().instrument(tracer_provider=spans.provider, config=config)
    try:
        RunnableLambda(str.upper).invoke("secret")
    finally:
        LangChainInstrumentor().uninstrument()

    assert spans.one().attributes["input.value"] == "__REDACTED__"
    assert spans.one().attributes["output.value"] == "SECRET"


def test_separate_trace_leaves_the_current_spans_trace(spans: SpanRecorder) -> None:
    LangChainInstrumentor().instrument(
        tracer_provider=spans.provider, separate_trace_from_runtime_context=True
    )
    try:
        with trace.get_tracer("app").start_as_current_span("outer"):
            (RunnableLambda(str.strip) | RunnableLambda(str.upper)).invoke("x")
    finally:
        LangChainInstrumentor().uninstrument()

    assert len(spans.roots()) == 2
    assert len(spans.trace_ids()) == 2
    assert len(spans.children_of(spans.named("RunnableSequence"))) == 2


def test_nothing_is_recorded_for_a_trace_that_is_not_sampled(spans: SpanRecorder) -> None:
    LangChainInstrumentor().instrument(tracer_provider=TracerProvider(sampler=ALWAYS_OFF))
    try:
        assert rag_chain().invoke("capital?") == "Paris, by the context."
    finally:
        LangChainInstrumentor().uninstrument()

    assert spans.all() == []
    assert otel_context.get_current() == {}


def test_openinference_context_helpers_keys_are_read(traced: SpanRecorder) -> None:
    # openinference.instrumentation.using_session() sets this very key.
    token = otel_context.attach(otel_context.set_value("session.id", "theirs"))
    try:
        RunnableLambda(str.upper).invoke("x")
    finally:
        otel_context.detach(token)

    assert traced.one().attributes["session.id"] == "theirs"
