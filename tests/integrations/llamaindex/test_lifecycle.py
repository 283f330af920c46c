"""On, off, on again; before and after the import; beside other instrumentors."""

import asyncio
import logging
import subprocess
import sys
import textwrap
import threading
from importlib.metadata import entry_points
from typing import Any

import pytest
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import suppress_instrumentation

import groundtrace
from groundtrace_integrations.llamaindex import LlamaIndexInstrumentor
from tests.integrations.llamaindex.parts import ANSWER, QUESTION, SayingLLM, WordEmbedding, fact_index
from tests.integrations.other_vendor import OtherVendors
from tests.span_recorder import SpanRecorder


def hooked() -> list[Any]:
    dispatcher = get_dispatcher()
    return [
        list(dispatcher.span_handlers),
        list(dispatcher.event_handlers),
        {name: value for name, value in vars(SayingLLM).items() if callable(value)},
    ]


def test_uninstrument_restores_and_instrument_works_again(spans: SpanRecorder) -> None:
    before = hooked()
    instrumentor = LlamaIndexInstrumentor()
    for _ in range(3):
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
        assert hooked() != before
        SayingLLM().chat([])
        list(SayingLLM().stream_chat([]))
        instrumentor.uninstrument()
        assert hooked() == before
        SayingLLM().chat([])

    assert len(spans.all()) == 6


def test_a_stream_opened_before_uninstrument_reads_on(spans: SpanRecorder) -> None:
    instrumentor = LlamaIndexInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    stream = SayingLLM().stream_chat([])
    next(stream)
    instrumentor.uninstrument()

    assert list(stream)[-1].message.content == ANSWER
    assert spans.one().status.name == "OK"


def test_suppression_is_honoured(traced: SpanRecorder) -> None:
    with suppress_instrumentation():
        SayingLLM().chat([])
        list(SayingLLM().stream_chat([]))

    assert traced.all() == []


def test_a_fault_of_ours_reaches_nobody(
    traced: SpanRecorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("ours")

    monkeypatch.setenv("GROUNDTRACE_RAISE_FAULTS", "0")
    for name in ("asked_attributes", "result_attributes", "models.response_attributes"):
        monkeypatch.setattr(f"groundtrace_integrations.llamaindex.handler.{name}", broken)
    for _ in range(2):
        assert SayingLLM().chat([]).message.content == ANSWER
        assert len(WordEmbedding().get_query_embedding("x")) == 64

    assert len(traced.all()) == 4
    assert len([r for r in caplog.records if "groundtrace failed" in r.message]) == 3  # once a place


def test_another_vendors_instrumentor_is_noticed_and_not_doubled(
    traced: SpanRecorder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = type(sys)("openinference.instrumentation.llama_index")
    theirs.LlamaIndexInstrumentor = OtherVendors  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, theirs.__name__, theirs)
    OtherVendors().instrument(skip_dep_check=True)
    with caplog.at_level(logging.WARNING):
        SayingLLM().chat([])
        SayingLLM().chat([])
    OtherVendors().uninstrument()
    assert traced.all() == []
    SayingLLM().chat([])

    assert len(traced.all()) == 1
    assert len([r for r in caplog.records if theirs.__name__ in r.message]) == 1


def test_entry_point_names_this_instrumentor() -> None:
    (entry,) = entry_points(group="opentelemetry_instrumentor", name="groundtrace-llama-index")

    assert entry.load() is LlamaIndexInstrumentor
    assert LlamaIndexInstrumentor().instrumentation_dependencies() == ("llama-index-core >= 0.14",)


async def test_mixed_calls_leave_no_context_behind(traced: SpanRecorder) -> None:
    engine = fact_index().as_query_engine(llm=SayingLLM())
    streaming = fact_index().as_query_engine(llm=SayingLLM(), streaming=True)
    broken = fact_index().as_query_engine(llm=SayingLLM().failing(ConnectionError("on purpose")))
    before = get_current()

    async def one(number: int) -> None:
        inside = get_current()
        with groundtrace.context(session=f"s{number}"):
            match number % 6:
                case 0:
                    engine.query(QUESTION)
                case 1:
                    await engine.aquery(QUESTION)
                case 2:
                    response: Any = streaming.query(QUESTION)
                    list(response.response_gen)
                case 3:
                    left: Any = streaming.query(QUESTION)
                    next(left.response_gen)
                    left.response_gen.close()
                case 4:
                    with pytest.raises(ConnectionError, match="on purpose"):
                        await broken.aquery(QUESTION)
                case _:
                    thread = threading.Thread(target=engine.query, args=(QUESTION,))
                    thread.start()
                    thread.join()
        assert get_current() is inside

    traced.clear()
    for start in range(0, 60, 6):
        await asyncio.gather(*(one(start + offset) for offset in range(6)))

    assert get_current() is before
    assert len(traced.roots()) == len(traced.trace_ids()) == 60


@pytest.mark.verify
def test_instrument_does_not_import_the_library_and_traces_it_once_it_is() -> None:
    program = """
        import sys, warnings
        warnings.simplefilter("ignore")
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from groundtrace_integrations.llamaindex import LlamaIndexInstrumentor

        provider, exporter = TracerProvider(), InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        LlamaIndexInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
        assert not {name for name in sys.modules if name.startswith(("llama_index", "workflows"))}

        from llama_index.core.llms import MockLLM
        MockLLM().complete("x")
        list(MockLLM(max_tokens=2).stream_complete("x y"))
        print([span.name for span in exporter.get_finished_spans()])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == "['MockLLM.complete', 'MockLLM.stream_complete']", done.stderr
