"""Chat completions through the inference client: in one piece, streamed, asked for tools, failing."""

import asyncio
import gc
from typing import Any

import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from opentelemetry.trace import StatusCode

from tests.integrations.provider_stub import ANSWER, Provider, Reply, chat_reply
from tests.span_recorder import SpanRecorder

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
QUESTION: Any = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": "Where is the Swiss government?"},
]


def assert_answered(traced: SpanRecorder) -> None:
    span = traced.one()
    assert (span.kind, span.status) == ("LLM", StatusCode.OK)
    assert span.attributes["llm.output_messages.0.message.content"] == ANSWER
    assert span.attributes["llm.finish_reason"] == "stop"


def test_a_chat_is_one_span_with_messages_tokens_and_models(
    traced: SpanRecorder, client: InferenceClient
) -> None:
    answer = client.chat_completion(QUESTION, model=MODEL, max_tokens=20, temperature=0.5)

    assert answer.choices[0].message.content == ANSWER
    assert_answered(traced)
    span = traced.one()
    assert span.name == "InferenceClient.chat_completion"
    attributes = span.attributes
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.request.model"] == MODEL
    assert attributes["gen_ai.response.model"] == attributes["llm.model_name"] == f"{MODEL}-2026"
    assert attributes["gen_ai.provider.name"] == attributes["llm.provider"] == "huggingface"
    assert attributes["gen_ai.request.max_tokens"] == 20
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["llm.input_messages.1.message.content"] == QUESTION[1]["content"]
    assert attributes["input.value"] == QUESTION[1]["content"]
    assert attributes["output.value"] == ANSWER
    assert attributes["llm.token_count.prompt"] == attributes["gen_ai.usage.input_tokens"] == 21
    assert attributes["llm.token_count.completion"] == 8


def test_openais_way_to_ask_is_the_same_span(traced: SpanRecorder, client: InferenceClient) -> None:
    client.chat.completions.create(QUESTION, model=MODEL)

    assert_answered(traced)


def test_a_server_of_ones_own_names_the_model_itself(traced: SpanRecorder, client: InferenceClient) -> None:
    client.chat_completion(QUESTION)

    span = traced.one()
    assert "gen_ai.request.model" not in span.attributes
    assert span.attributes["gen_ai.response.model"] in {"dummy-2026", "tgi-2026"}  # what the client sends


def test_tool_calls_are_kept(traced: SpanRecorder, client: InferenceClient) -> None:
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    client.chat_completion(QUESTION, model=MODEL, tools=[tool])

    attributes = traced.one().attributes
    stem = "llm.output_messages.0.message.tool_calls.0.tool_call"
    assert attributes[f"{stem}.function.name"] == "weather"
    assert attributes[f"{stem}.function.arguments"] == '{"city": "Bern"}'
    assert '"weather"' in attributes["llm.tools.0.tool.json_schema"]


def test_a_stream_is_read_along_and_stays_a_generator(traced: SpanRecorder, client: InferenceClient) -> None:
    options: Any = {"include_usage": True}
    stream = client.chat_completion(QUESTION, model=MODEL, stream=True, stream_options=options)

    assert type(stream).__name__ == "generator"
    assert traced.all() == []
    said = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert said == ANSWER
    assert_answered(traced)
    span = traced.one()
    assert span.event_names == ["First Token Stream Event"]
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["llm.token_count.total"] == 29


@pytest.mark.parametrize("leave", ["close", "drop", "unread"])
def test_a_stream_left_early_is_cancelled_and_no_error(
    traced: SpanRecorder, client: InferenceClient, leave: str
) -> None:
    stream: Any = client.chat_completion(QUESTION, model=MODEL, stream=True)
    if leave != "unread":
        assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", " Bern"[1:]]
    if leave == "close":
        stream.close()
    del stream
    gc.collect()

    span = traced.one()
    assert (span.status, span.attributes["groundtrace.cancelled"]) == (StatusCode.OK, True)
    if leave != "unread":
        assert span.attributes["llm.output_messages.0.message.content"] == "Bern"


def test_an_error_within_a_stream_reaches_the_app_and_the_span(
    traced: SpanRecorder, client: InferenceClient, provider: Provider
) -> None:
    good: Any = chat_reply({"model": "m", "stream": True}).events
    provider.script.append(Reply(events=[*good[:2], {"error": "overloaded", "error_type": "overloaded"}]))
    stream = client.chat_completion(QUESTION, model=MODEL, stream=True)

    with pytest.raises(Exception, match="overloaded") as caught:
        list(stream)

    span = traced.one()
    assert span.attributes["error.type"] == type(caught.value).__name__ == "OverloadedError"
    assert span.attributes["llm.output_messages.0.message.content"] == "Bern"


def test_a_refused_call_fails_as_before(
    traced: SpanRecorder, client: InferenceClient, provider: Provider
) -> None:
    provider.script.append(Reply(status=404, body={"error": "no such model"}))

    with pytest.raises(HfHubHTTPError):
        client.chat_completion(QUESTION, model=MODEL)

    span = traced.one()
    assert span.status is StatusCode.ERROR
    assert span.event_names == ["exception"]


async def test_async_chat_is_the_same_span(traced: SpanRecorder, aclient: AsyncInferenceClient) -> None:
    answer = await aclient.chat_completion(QUESTION, model=MODEL)

    assert answer.choices[0].message.content == ANSWER
    assert_answered(traced)
    assert traced.one().name == "AsyncInferenceClient.chat_completion"


async def test_an_async_stream_is_read_along(traced: SpanRecorder, aclient: AsyncInferenceClient) -> None:
    stream: Any = await aclient.chat_completion(QUESTION, model=MODEL, stream=True)

    assert type(stream).__name__ == "async_generator"
    said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert said == ANSWER
    assert_answered(traced)


async def test_an_async_stream_left_early_is_cancelled(
    traced: SpanRecorder, aclient: AsyncInferenceClient
) -> None:
    stream: Any = await aclient.chat_completion(QUESTION, model=MODEL, stream=True)
    await anext(stream)
    await stream.aclose()

    assert traced.one().attributes["groundtrace.cancelled"] is True


async def test_a_cancelled_task_is_no_error(traced: SpanRecorder, aclient: AsyncInferenceClient) -> None:
    task = asyncio.create_task(aclient.chat_completion(QUESTION, model=MODEL))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    span = traced.one()
    assert (span.status, span.attributes["groundtrace.cancelled"]) == (StatusCode.OK, True)


@pytest.mark.parametrize("content", ["ids", "none"])
def test_without_texts_models_and_tokens_remain(
    traced: SpanRecorder, client: InferenceClient, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("GROUNDTRACE_CONTENT", content)

    client.chat_completion(QUESTION, model=MODEL)

    span = traced.one()
    assert span.attributes["llm.token_count.total"] == 29
    assert not [value for value in span.attributes.values() if "Swiss" in str(value)]


def test_texts_are_redacted(
    traced: SpanRecorder, client: InferenceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDTRACE_REDACT", "patterns")

    client.chat_completion([{"role": "user", "content": "I am jane@example.com"}], model=MODEL)

    assert traced.one().attributes["llm.input_messages.0.message.content"] == "I am [email]"
