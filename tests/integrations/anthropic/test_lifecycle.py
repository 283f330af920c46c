"""On, off, on again; before and after the import; beside other instrumentors and the client's own spans."""

import logging
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from typing import Any

import anthropic
import pytest
from anthropic import _base_client
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from groundtrace_integrations.anthropic import AnthropicInstrumentor
from tests.integrations.anthropic.conftest import address
from tests.integrations.anthropic.test_messages import ASKED
from tests.integrations.message_replies import ANSWER
from tests.integrations.other_vendor import OtherVendors
from tests.integrations.provider_stub import Provider
from tests.span_recorder import SpanRecorder

traces_itself = pytest.mark.skipif(
    not hasattr(anthropic, "_tracing"), reason="this version of the client makes no spans"
)


def hooked() -> list[Any]:
    owners: list[Any] = [
        _base_client,
        _base_client.SyncAPIClient,
        _base_client.AsyncAPIClient,
        anthropic.Stream,
        anthropic.AsyncStream,
        getattr(anthropic, "_tracing", anthropic),
    ]
    return [{name: value for name, value in vars(owner).items() if callable(value)} for owner in owners]


def test_uninstrument_restores_and_instrument_works_again(
    spans: SpanRecorder, client: anthropic.Anthropic
) -> None:
    before = hooked()
    instrumentor = AnthropicInstrumentor()
    for _ in range(3):
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
        assert hooked() != before
        client.messages.create(**ASKED)
        instrumentor.uninstrument()
        assert hooked() == before
        client.messages.create(**ASKED)

    assert [span.name for span in spans.all()].count("messages.create") == 3


def test_a_stream_opened_before_uninstrument_reads_on(
    spans: SpanRecorder, client: anthropic.Anthropic
) -> None:
    instrumentor = AnthropicInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    with client.messages.stream(**ASKED) as stream:
        next(stream)
        instrumentor.uninstrument()
        assert stream.get_final_text() == ANSWER

    assert spans.one().attributes["llm.output_messages.0.message.content"] == ANSWER


def test_suppressed_calls_have_no_span_of_ours(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    with suppress_instrumentation():
        client.messages.create(**ASKED)

    assert traced.of_kind("LLM") == []


@traces_itself
def test_a_client_that_reports_elsewhere_keeps_its_own_span(traced: SpanRecorder, provider: Provider) -> None:
    elsewhere, exporter = TracerProvider(), InMemorySpanExporter()
    elsewhere.add_span_processor(SimpleSpanProcessor(exporter))
    options: Any = {"tracer_provider": elsewhere}
    client = anthropic.Anthropic(api_key="sk", base_url=address(provider), open_telemetry=options)

    client.messages.create(**ASKED)

    assert [span.name for span in exporter.get_finished_spans()] == ["anthropic.messages.create"]
    assert traced.one().name == "messages.create"


def test_a_fault_of_ours_reaches_nobody(
    traced: SpanRecorder,
    client: anthropic.Anthropic,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("ours")

    monkeypatch.setenv("GROUNDTRACE_RAISE_FAULTS", "0")
    monkeypatch.setattr("groundtrace_integrations.anthropic.dialect.request_attributes", broken)
    monkeypatch.setattr("groundtrace_integrations.anthropic.dialect.answer_attributes", broken)
    for _ in range(2):
        assert client.messages.create(**ASKED).content[0].text == ANSWER

    assert len(traced.all()) == 2
    assert len([r for r in caplog.records if "groundtrace failed" in r.message]) == 2  # once a place


def test_another_vendors_instrumentor_is_noticed_and_not_doubled(
    traced: SpanRecorder,
    client: anthropic.Anthropic,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = type(sys)("openinference.instrumentation.anthropic")
    theirs.AnthropicInstrumentor = OtherVendors  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, theirs.__name__, theirs)
    OtherVendors().instrument(skip_dep_check=True)
    with caplog.at_level(logging.WARNING):
        client.messages.create(**ASKED)
        client.messages.create(**ASKED)
    OtherVendors().uninstrument()
    assert traced.of_kind("LLM") == []
    client.messages.create(**ASKED)

    assert len(traced.of_kind("LLM")) == 1
    assert len([r for r in caplog.records if theirs.__name__ in r.message]) == 1


def test_entry_point_names_this_instrumentor() -> None:
    (entry,) = entry_points(group="opentelemetry_instrumentor", name="groundtrace-anthropic")

    assert entry.load() is AnthropicInstrumentor
    assert AnthropicInstrumentor().instrumentation_dependencies() == ("anthropic >= 0.44",)


def test_many_calls_leave_no_context_behind(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    before = get_current()
    for _ in range(20):
        client.messages.create(**ASKED)
        client.messages.create(**ASKED, stream=True).close()
        with client.messages.stream(**ASKED) as stream:
            next(stream)
        assert get_current() is before

    assert len(traced.all()) == len(traced.trace_ids()) == 60


@pytest.mark.verify
def test_instrument_does_not_import_the_library_and_traces_it_once_it_is() -> None:
    program = """
        import sys
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from groundtrace_integrations.anthropic import AnthropicInstrumentor

        provider, exporter = TracerProvider(), InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        AnthropicInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
        assert "anthropic" not in sys.modules

        import anthropic
        client = anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1:9", max_retries=0)
        try:
            client.messages.create(model="m", max_tokens=1, messages=[])
        except anthropic.APIConnectionError:
            pass
        print([span.name for span in exporter.get_finished_spans()])
        AnthropicInstrumentor().uninstrument()
        assert not hasattr(anthropic.Anthropic.request, "__wrapped__")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == "['messages.create']", done.stderr
