from collections.abc import Iterator

import pytest
from opentelemetry.context import attach, detach, get_current

from groundtrace_integrations.llamaindex import LlamaIndexInstrumentor
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
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    before = get_current()
    try:
        yield spans
        assert instrumentor._call_tracer is None or instrumentor._call_tracer.open_steps == 0
        assert get_current() is before
    finally:
        detach(attach(before))
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
