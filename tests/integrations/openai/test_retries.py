"""The client's own retries: one span for the call, which says how many attempts it took."""

import contextlib
from typing import Any

import openai
import pytest
from pydantic import SecretStr

from tests.integrations.provider_stub import Provider, Reply
from tests.span_recorder import SpanRecorder

QUESTION: Any = [{"role": "user", "content": "Where?"}]
ATTEMPT = "groundtrace.retry.attempt"
BUSY = Reply(status=503, body={"error": {"message": "busy"}})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.001)


@pytest.mark.parametrize(("failures", "attempt"), [(0, None), (1, 2), (2, 3)])
def test_the_last_attempt_is_numbered_when_there_was_more_than_one(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider, failures: int, attempt: int | None
) -> None:
    provider.script.extend([BUSY] * failures)

    client.chat.completions.create(model="gpt", messages=QUESTION)

    assert len(provider.asked) == failures + 1
    assert traced.one().attributes.get(ATTEMPT) == attempt


async def test_the_async_clients_attempts_are_counted(
    traced: SpanRecorder, aclient: openai.AsyncOpenAI, provider: Provider
) -> None:
    provider.script.append(BUSY)

    await aclient.embeddings.create(model="e", input="Bern")

    assert traced.one().attributes[ATTEMPT] == 2


def test_a_call_that_fails_in_the_end_tells_its_attempts(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    provider.script.extend([BUSY] * 3)

    with contextlib.suppress(openai.InternalServerError):
        client.chat.completions.create(model="gpt", messages=QUESTION)

    assert traced.one().attributes[ATTEMPT] == 3


def test_below_langchain_the_frameworks_span_has_the_number(traced: SpanRecorder, provider: Provider) -> None:
    langchain_openai = pytest.importorskip("langchain_openai")
    from groundtrace_integrations.langchain import LangChainInstrumentor

    provider.script.extend([BUSY, BUSY])
    LangChainInstrumentor().instrument(tracer_provider=traced.provider)
    try:
        model = langchain_openai.ChatOpenAI(
            model="gpt", api_key=SecretStr("sk"), base_url=provider.url, max_retries=2
        )
        model.invoke("Where?")
    finally:
        LangChainInstrumentor().uninstrument()

    assert traced.one().attributes[ATTEMPT] == 3
