from collections.abc import Iterator

import pytest

from groundtrace_integrations.langchain import LangChainInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import SpanRecorder


@pytest.fixture
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    """LangChain instrumented; nothing may be left behind: no open run, no attached context."""
    instrumentor = LangChainInstrumentor()
    with instrumented(spans, instrumentor):
        yield spans
        assert instrumentor._call_tracer is None or len(instrumentor._call_tracer.runs) == 0
