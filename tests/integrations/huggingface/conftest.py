from collections.abc import AsyncIterator, Iterator

import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient

from groundtrace_integrations.huggingface import HuggingFaceInstrumentor
from tests.integrations.instrumented import instrumented
from tests.integrations.provider_stub import Provider, serving
from tests.span_recorder import SpanRecorder


@pytest.fixture(scope="module")
def serving_provider() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def provider(serving_provider: Provider) -> Provider:
    serving_provider.asked.clear()
    serving_provider.script.clear()
    return serving_provider


@pytest.fixture
def client(provider: Provider) -> InferenceClient:
    return InferenceClient(model=provider.url.removesuffix("/v1"))


@pytest.fixture
async def aclient(provider: Provider) -> AsyncIterator[AsyncInferenceClient]:
    client = AsyncInferenceClient(model=provider.url.removesuffix("/v1"))
    async with client:
        yield client


@pytest.fixture
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    """The inference client instrumented; no context may be left attached."""
    with instrumented(spans, HuggingFaceInstrumentor()):
        yield spans
