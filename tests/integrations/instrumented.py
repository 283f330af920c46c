"""Instrumentors on for a while, with nothing left behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import attach, detach, get_current

from groundtrace_integrations.instrumentor import LibraryInstrumentor
from tests.span_recorder import SpanRecorder


@contextmanager
def instrumented(spans: SpanRecorder, *instrumentors: LibraryInstrumentor) -> Iterator[SpanRecorder]:
    before = get_current()
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    try:
        yield spans
        assert get_current() is before
    finally:
        detach(attach(before))
        for instrumentor in instrumentors:
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()
