from collections.abc import AsyncIterator, Iterator

import anthropic
import pytest

from groundtrace_integrations.anthropic import AnthropicInstrumentor
from tests.integrations.instrumented import instrumented
from tests.integrations.provider_stub import Provider, serving
from tests.span_recorder import SpanRecorder


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


def address(provider: Provider) -> str:
    return provider.url.removesuffix("/v1")


@pytest.fixture
def client(provider: Provider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sk-test", base_url=address(provider), max_retries=1) as client:
        yield client


@pytest.fixture
async def aclient(provider: Provider) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key="sk-test", base_url=address(provider), max_retries=1
    ) as client:
        yield client


@pytest.fixture
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    """Anthropic's client instrumented; no context may be left attached."""
    with instrumented(spans, AnthropicInstrumentor()):
        yield spans
