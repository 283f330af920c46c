from collections.abc import AsyncIterator, Iterator

import openai
import pytest

from groundtrace_integrations.openai import OpenAIInstrumentor
from tests.integrations.instrumented import instrumented
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
    with instrumented(spans, OpenAIInstrumentor()):
        yield spans
