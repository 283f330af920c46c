from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from opentelemetry.context import attach, detach, get_current

from groundtrace_integrations.openai import OpenAIInstrumentor
from tests.integrations.provider_stub import Provider, serving
from tests.span_recorder import SpanRecorder


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def client(provider: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-test", base_url=provider.url, max_retries=2) as client:
        yield client


@pytest.fixture
async def aclient(provider: Provider) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=provider.url, max_retries=2) as client:
        yield client


@pytest.fixture
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    """OpenAI's client instrumented; no context may be left attached."""
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    before = get_current()
    try:
        yield spans
        assert get_current() is before
    finally:
        detach(attach(before))
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
