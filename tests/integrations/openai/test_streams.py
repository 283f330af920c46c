"""Streams: read to the end, left early, dropped, broken; the app's objects stay what they are."""

import asyncio
import contextlib
import gc
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from tests.integrations.openai.test_chat import QUESTION, WEATHER
from tests.integrations.openai.versions import needs_responses, needs_stream_helper
from tests.integrations.provider_stub import ANSWER, Provider, Reply, response_body
from tests.span_recorder import RecordedSpan, SpanRecorder

USAGE: Any = {"include_usage": True}


def said(span: RecordedSpan) -> Any:
    return span.attributes.get("llm.output_messages.0.message.content")


def test_a_stream_is_one_span_with_the_whole_answer(traced: SpanRecorder, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="gpt", messages=QUESTION, stream=True, stream_options=USAGE)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    span = traced.one()
    assert text == said(span) == ANSWER
    assert span.status is StatusCode.OK
    assert span.attributes["llm.token_count.total"] == 29
    assert span.attributes["llm.token_count.completion_details.reasoning"] == 3
    assert span.attributes["llm.finish_reason"] == "stop"
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.event_names == ["First Token Stream Event"]
    assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] < 60


def test_usage_is_not_asked_for_behind_the_apps_back(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    for _ in client.chat.completions.create(model="gpt", messages=QUESTION, stream=True):
        pass

    assert "stream_options" not in provider.asked[0]
    assert "llm.token_count.total" not in traced.one().attributes


async def test_an_async_stream_is_one_span_with_the_whole_answer(
    traced: SpanRecorder, aclient: openai.AsyncOpenAI
) -> None:
    stream = await aclient.chat.completions.create(model="gpt", messages=QUESTION, stream=True)
    async for _ in stream:
        pass

    assert said(traced.one()) == ANSWER


def test_tool_calls_are_put_together(traced: SpanRecorder, client: openai.OpenAI) -> None:
    for _ in client.chat.completions.create(model="gpt", messages=QUESTION, tools=WEATHER, stream=True):
        pass

    span, stem = traced.one(), "llm.output_messages.0.message.tool_calls.0.tool_call"
    assert span.attributes[f"{stem}.id"] == "call_1"
    assert span.attributes[f"{stem}.function.name"] == "weather"
    assert span.attributes[f"{stem}.function.arguments"] == '{"city": "Bern"}'


def test_leaving_early_is_no_error_and_keeps_what_came(traced: SpanRecorder, client: openai.OpenAI) -> None:
    with client.chat.completions.create(model="gpt", messages=QUESTION, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break

    span = traced.one()
    assert span.status is StatusCode.OK
    assert span.attributes["groundtrace.cancelled"] is True
    assert said(span) == "Bern"


def test_close_ends_the_span(traced: SpanRecorder, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="gpt", messages=QUESTION, stream=True)
    next(stream)
    assert traced.all() == []
    stream.close()

    assert traced.one().attributes["groundtrace.cancelled"] is True


def test_a_dropped_stream_ends_its_span(traced: SpanRecorder, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="gpt", messages=QUESTION, stream=True)
    next(stream)
    response = stream.response
    del stream
    gc.collect()
    response.close()

    assert traced.one().attributes["groundtrace.cancelled"] is True


async def test_an_async_stream_left_early_is_no_error(
    traced: SpanRecorder, aclient: openai.AsyncOpenAI
) -> None:
    async with await aclient.chat.completions.create(model="gpt", messages=QUESTION, stream=True) as stream:
        async for _ in stream:
            break

    span = traced.one()
    assert (span.status, span.attributes["groundtrace.cancelled"]) == (StatusCode.OK, True)


async def test_a_cancelled_task_is_no_error(traced: SpanRecorder, aclient: openai.AsyncOpenAI) -> None:
    stream = await aclient.chat.completions.create(model="gpt", messages=QUESTION, stream=True)

    async def waits() -> None:
        async for _ in stream:
            await asyncio.sleep(60)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0.2)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await stream.close()

    assert traced.one().status is StatusCode.OK


def test_a_stream_that_breaks_is_an_error_with_what_came(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
    events: list[Any] = [{**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Be"}}]}]
    provider.script.append(Reply(events=events, breaks=True))

    with pytest.raises(Exception) as raised:  # noqa: PT011 - the version's own
        list(client.chat.completions.create(model="gpt", messages=QUESTION, stream=True))

    span = traced.one()
    assert span.status is StatusCode.ERROR
    assert span.attributes["error.type"] == type(raised.value).__name__
    assert said(span) == "Be"


def test_an_error_event_is_an_error(traced: SpanRecorder, client: openai.OpenAI, provider: Provider) -> None:
    provider.script.append(Reply(events=[{"error": {"message": "overloaded"}}]))

    with pytest.raises(openai.APIError, match="overloaded"):
        list(client.chat.completions.create(model="gpt", messages=QUESTION, stream=True))

    assert traced.one().attributes["error.type"] == "APIError"


@pytest.mark.usefixtures("traced")
def test_the_stream_keeps_type_and_protocol(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="gpt", messages=QUESTION, stream=True)

    assert type(stream) is openai.Stream
    assert stream.response.status_code == 200
    with stream as same:
        assert same is stream
        assert next(stream).choices[0].delta.role == "assistant"
        assert next(iter(stream)).choices[0].delta.content == "Bern"
        assert len(list(stream)) == len(ANSWER.split())


@pytest.mark.usefixtures("traced")
async def test_the_async_stream_keeps_type_and_protocol(aclient: openai.AsyncOpenAI) -> None:
    stream = await aclient.chat.completions.create(model="gpt", messages=QUESTION, stream=True)

    assert type(stream) is openai.AsyncStream
    async with stream as same:
        assert same is stream
        assert (await stream.__anext__()).choices[0].delta.role == "assistant"
        assert len([chunk async for chunk in stream]) == len(ANSWER.split()) + 1


@pytest.mark.usefixtures("traced")
def test_no_span_is_current_between_chunks(client: openai.OpenAI) -> None:
    for _ in client.chat.completions.create(model="gpt", messages=QUESTION, stream=True):
        assert not trace.get_current_span().get_span_context().is_valid


@needs_stream_helper
@pytest.mark.parametrize("early", [False, True], ids=["to-the-end", "left-early"])
def test_the_stream_helper_of_chat(traced: SpanRecorder, client: openai.OpenAI, *, early: bool) -> None:
    with client.chat.completions.stream(model="gpt", messages=QUESTION) as stream:
        for event in stream:
            if early and event.type == "content.delta" and event.delta:
                break
        if not early:
            assert stream.get_final_completion().choices[0].message.content == ANSWER

    span = traced.one()
    assert span.status is StatusCode.OK
    assert span.attributes.get("groundtrace.cancelled") is (True if early else None)
    assert said(span) == ("Bern" if early else ANSWER)


@needs_stream_helper
async def test_the_async_stream_helper_of_chat(traced: SpanRecorder, aclient: openai.AsyncOpenAI) -> None:
    async with aclient.chat.completions.stream(model="gpt", messages=QUESTION) as stream:
        async for _ in stream:
            break

    assert traced.one().attributes["groundtrace.cancelled"] is True


@needs_responses
def test_a_streamed_response_is_read_from_its_last_event(traced: SpanRecorder, client: openai.OpenAI) -> None:
    for _ in client.responses.create(model="gpt", input="Where?", stream=True):
        pass

    span = traced.one()
    assert span.name == "Response"
    assert span.attributes["llm.token_count.prompt_details.cache_read"] == 16
    assert span.attributes["output.value"] == ANSWER


@needs_responses
def test_a_streamed_response_left_early_keeps_its_text(traced: SpanRecorder, client: openai.OpenAI) -> None:
    with client.responses.stream(model="gpt", input="Where?") as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                break

    span = traced.one()
    assert span.attributes["groundtrace.cancelled"] is True
    assert span.attributes["output.value"] == "Bern"
    assert span.attributes["gen_ai.response.id"] == "resp_1"


@needs_responses
def test_a_response_that_failed_is_an_error(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    error = {"code": "server_error", "message": "try again"}
    failed = response_body({"model": "gpt"}, status="failed", error=error, output=[])
    provider.script.append(
        Reply(events=[{"type": "response.failed", "response": failed, "sequence_number": 0}])
    )

    for _ in client.responses.create(model="gpt", input="Where?", stream=True):
        pass

    span = traced.one()
    assert span.status is StatusCode.ERROR
    assert span.span.status.description == "server_error: try again"
    assert span.attributes["error.type"] == "server_error"


def test_legacy_completions_stream(traced: SpanRecorder, client: openai.OpenAI) -> None:
    for _ in client.completions.create(model="davinci", prompt="Where?", stream=True):
        pass

    assert traced.one().attributes["llm.choices.0.completion.text"] == "Bern it is."
