"""On, off, on again; before and after the import; beside other instrumentors."""

import logging
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import openai
import pytest
from openai import _base_client
from opentelemetry.instrumentation.utils import suppress_instrumentation

from groundtrace_integrations.openai import OpenAIInstrumentor
from tests.integrations.openai.test_chat import QUESTION
from tests.integrations.provider_stub import ANSWER
from tests.span_recorder import SpanRecorder

PATCHED = [
    (_base_client.SyncAPIClient, "request"),
    (_base_client.AsyncAPIClient, "request"),
    (openai.Stream, "close"),
    (openai.AsyncStream, "close"),
]


def test_uninstrument_restores_and_instrument_works_again(spans: SpanRecorder, client: openai.OpenAI) -> None:
    before = [vars(cls)[name] for cls, name in PATCHED]
    instrumentor = OpenAIInstrumentor()
    for _ in range(3):
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
        client.chat.completions.create(model="gpt", messages=QUESTION)
        instrumentor.uninstrument()
        assert [vars(cls)[name] for cls, name in PATCHED] == before
        client.chat.completions.create(model="gpt", messages=QUESTION)

    assert len(spans.all()) == 3


def test_a_stream_opened_before_uninstrument_reads_on(spans: SpanRecorder, client: openai.OpenAI) -> None:
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    stream = client.chat.completions.create(model="gpt", messages=QUESTION, stream=True)
    next(stream)
    instrumentor.uninstrument()

    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == ANSWER
    assert spans.one().attributes["llm.output_messages.0.message.content"] == ANSWER


def test_suppressed_calls_have_no_span(traced: SpanRecorder, client: openai.OpenAI) -> None:
    with suppress_instrumentation():
        client.chat.completions.create(model="gpt", messages=QUESTION)

    assert traced.all() == []


def test_a_fault_of_ours_reaches_nobody(
    traced: SpanRecorder,
    client: openai.OpenAI,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("ours")

    monkeypatch.setenv("GROUNDTRACE_RAISE_FAULTS", "0")
    monkeypatch.setattr("groundtrace_integrations.openai.dialect.request_attributes", broken)
    monkeypatch.setattr("groundtrace_integrations.openai.dialect.answer_attributes", broken)
    for _ in range(2):
        answer = client.chat.completions.create(model="gpt", messages=QUESTION)
        assert answer.choices[0].message.content == ANSWER

    assert len(traced.all()) == 2
    assert len([r for r in caplog.records if "groundtrace failed" in r.message]) == 2  # once a place


def test_another_vendors_instrumentor_is_noticed_and_not_doubled(
    traced: SpanRecorder, client: openai.OpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = pytest.importorskip("openinference.instrumentation.openai").OpenAIInstrumentor()
    theirs.instrument(tracer_provider=traced.provider, skip_dep_check=True)
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                client.chat.completions.create(model="gpt", messages=QUESTION)
    finally:
        theirs.uninstrument()
    client.chat.completions.create(model="gpt", messages=QUESTION)

    scopes = [
        str(span.span.instrumentation_scope and span.span.instrumentation_scope.name) for span in traced.all()
    ]
    assert [scope.split(".")[0] for scope in scopes] == ["openinference"] * 3 + ["groundtrace_integrations"]
    assert len([r for r in caplog.records if "openinference.instrumentation.openai" in r.message]) == 1


@pytest.mark.skipif(find_spec("langchain_core") is None, reason="langchain-core is not installed")
def test_instrument_does_not_import_the_library_and_traces_it_once_it_is() -> None:
    program = """
        import sys
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from groundtrace_integrations.openai import OpenAIInstrumentor
        from groundtrace_integrations.langchain import LangChainInstrumentor

        provider, exporter = TracerProvider(), InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        OpenAIInstrumentor().instrument(tracer_provider=provider)
        LangChainInstrumentor().instrument(tracer_provider=provider)
        assert not {"openai", "langchain_core"} & set(sys.modules)

        import openai
        client = openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
        try:
            client.chat.completions.create(model="m", messages=[])
        except openai.APIConnectionError:
            pass
        from langchain_core.runnables import RunnableLambda
        RunnableLambda(str).invoke(1)
        print([span.name for span in exporter.get_finished_spans()])
        OpenAIInstrumentor().uninstrument()
        LangChainInstrumentor().uninstrument()
        import langchain_core.retrievers
        assert not hasattr(langchain_core.retrievers.BaseRetriever.invoke, "__wrapped__")
        assert not hasattr(openai.OpenAI.request, "__wrapped__")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == "['ChatCompletion', 'str']", done.stderr
