from collections.abc import Iterator

import pytest

from groundtrace_integrations.llamaindex import LlamaIndexInstrumentor
from tests.integrations.instrumented import instrumented
from tests.integrations.provider_stub import Provider, serving
from tests.span_recorder import SpanRecorder


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    """LlamaIndex instrumented; nothing may be left behind: no open step, no attached context."""
    instrumentor = LlamaIndexInstrumentor()
    with instrumented(spans, instrumentor):
        yield spans
        assert instrumentor._call_tracer is None or instrumentor._call_tracer.open_steps == 0
