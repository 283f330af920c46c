"""The client's own retries: one span for the call, which says how many attempts it took."""

import anthropic
import pytest

from tests.integrations.provider_stub import Provider, Reply
from tests.span_recorder import SpanRecorder


def test_the_last_attempt_is_numbered(
    traced: SpanRecorder,
    client: anthropic.Anthropic,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.001)
    provider.script.append(Reply(status=503, body={"error": {"message": "busy"}}))

    for _ in range(2):
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "Where?"}])

    assert [span.attributes.get("groundtrace.retry.attempt") for span in traced.all()] == [2, None]
