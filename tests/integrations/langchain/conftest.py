from collections.abc import Iterator

import pytest
from opentelemetry.context import attach, detach, get_current

from groundtrace_integrations.langchain import LangChainInstrumentor
from tests.span_recorder import SpanRecorder


@pytest.fixture
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    """LangChain instrumented; nothing may be left behind: no open run, no attached context."""
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    before = get_current()
    try:
        yield spans
        assert instrumentor._call_tracer is None or len(instrumentor._call_tracer.runs) == 0
        assert get_current() is before
    finally:
        detach(attach(before))
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
