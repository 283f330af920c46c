"""Streams and their helpers: read to the end, left early, dropped, broken; the app's objects stay what they are."""

import contextlib
import gc
from typing import Any

import anthropic
import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from tests.integrations.anthropic.test_messages import ASKED, WEATHER
from tests.integrations.message_replies import ANSWER, message_events
from tests.integrations.provider_stub import Provider, Reply
from tests.span_recorder import RecordedSpan, SpanRecorder


def said(span: RecordedSpan) -> Any:
    return span.attributes.get("llm.output_messages.0.message.content")


def test_a_stream_is_one_span_with_the_whole_answer(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    events = list(client.messages.create(**ASKED, stream=True))

    span = traced.one()
    assert events[-1].type == "message_stop"
    assert said(span) == span.attributes["output.value"] == ANSWER
    assert span.status is StatusCode.OK
    assert span.attributes["llm.token_count.total"] == 33
    assert span.attributes["llm.token_count.prompt_details.cache_read"] == 16
    assert span.attributes["llm.finish_reason"] == "end_turn"
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.event_names == ["First Token Stream Event"]
    assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] < 60


async def test_an_async_stream_is_one_span(traced: SpanRecorder, aclient: anthropic.AsyncAnthropic) -> None:
    async for _ in await aclient.messages.create(**ASKED, stream=True):
        pass

    assert said(traced.one()) == ANSWER


def test_tool_calls_and_thinking_are_put_together(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1_024}}
    for _ in client.messages.create(
        **{**ASKED, "max_tokens": 2_000}, tools=WEATHER, extra_body=thinking, stream=True
    ):
        pass

    span, stem = traced.one(), "llm.output_messages.0.message"
    assert span.attributes[f"{stem}.tool_calls.0.tool_call.function.arguments"] == '{"city":"Bern"}'
    assert span.attributes[f"{stem}.contents.0.message_content.text"] == "Swiss cities."
    assert span.attributes[f"{stem}.contents.1.message_content.text"] == "Let me look."


def test_leaving_early_is_no_error_and_keeps_what_came(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    with client.messages.create(**ASKED, stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break

    span = traced.one()
    assert (span.status, span.attributes["groundtrace.cancelled"]) == (StatusCode.OK, True)
    assert said(span) == "Bern"


def test_a_dropped_stream_ends_its_span(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    stream = client.messages.create(**ASKED, stream=True)
    next(stream)
    response = stream.response
    del stream
    gc.collect()  # older clients' streams hold themselves
    response.close()

    assert traced.one().attributes["groundtrace.cancelled"] is True


def test_a_stream_that_breaks_is_an_error_with_what_came(
    traced: SpanRecorder, client: anthropic.Anthropic, provider: Provider
) -> None:
    events = list(message_events(ASKED))[:5]
    provider.script.append(Reply(events=events, breaks=True))

    with pytest.raises(Exception) as raised:  # noqa: PT011 - the version's own
        list(client.messages.create(**ASKED, stream=True))

    span = traced.one()
    assert span.status is StatusCode.ERROR
    assert span.attributes["error.type"] == type(raised.value).__name__
    assert said(span) == "Bern is"


def test_an_error_event_is_an_error(
    traced: SpanRecorder, client: anthropic.Anthropic, provider: Provider
) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}
    provider.script.append(Reply(events=[error]))

    with pytest.raises(anthropic.APIStatusError, match="overloaded"):
        list(client.messages.create(**ASKED, stream=True))

    assert traced.one().status is StatusCode.ERROR


@pytest.mark.usefixtures("traced")
def test_the_stream_keeps_type_and_protocol(client: anthropic.Anthropic) -> None:
    stream = client.messages.create(**ASKED, stream=True)

    assert type(stream) is anthropic.Stream
    assert stream.response.status_code == 200
    with stream as same:
        assert same is stream
        assert next(stream).type == "message_start"
        assert list(stream)[-1].type == "message_stop"


@pytest.mark.usefixtures("traced")
def test_no_span_is_current_between_events(client: anthropic.Anthropic) -> None:
    for _ in client.messages.create(**ASKED, stream=True):
        assert not trace.get_current_span().get_span_context().is_valid


def test_the_stream_helper_keeps_all_it_can_do(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASKED) as stream:
        assert type(stream).__name__ == "MessageStream"
        assert "".join(stream.text_stream) == ANSWER
        final = stream.get_final_message()
        assert (final.content[0].text, final.usage.output_tokens) == (ANSWER, 8)  # type: ignore[union-attr]
        assert stream.get_final_text() == ANSWER
        assert stream.current_message_snapshot.id == "msg_1"

    span = traced.one()
    assert span.name == "messages.stream"
    assert (span.status, said(span)) == (StatusCode.OK, ANSWER)
    assert "groundtrace.cancelled" not in span.attributes
    assert span.attributes["llm.token_count.total"] == 33


async def test_the_async_stream_helper(traced: SpanRecorder, aclient: anthropic.AsyncAnthropic) -> None:
    async with aclient.messages.stream(**ASKED) as stream:
        assert "".join([text async for text in stream.text_stream]) == ANSWER
        assert await stream.get_final_text() == ANSWER

    assert said(traced.one()) == ANSWER


@pytest.mark.parametrize("beta", [False, True], ids=["messages", "beta"])
def test_a_stream_helper_left_early_is_no_error(
    traced: SpanRecorder, client: anthropic.Anthropic, *, beta: bool
) -> None:
    messages: Any = client.beta.messages if beta else client.messages
    if not hasattr(messages, "stream"):
        pytest.skip("this version has no beta.messages.stream()")
    with messages.stream(**ASKED) as stream:
        for event in stream:
            if event.type == "text":
                break

    span = traced.one()
    assert span.name == ("beta.messages.stream" if beta else "messages.stream")
    assert (span.status, span.attributes["groundtrace.cancelled"]) == (StatusCode.OK, True)
    assert said(span) == "Bern"


def test_an_error_of_the_app_inside_a_stream_ends_it_as_left(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    with contextlib.suppress(LookupError), client.messages.stream(**ASKED) as stream:
        next(stream)
        raise LookupError

    assert traced.one().attributes["groundtrace.cancelled"] is True


def test_a_request_that_fails_in_the_helper_is_an_error(
    traced: SpanRecorder, client: anthropic.Anthropic, provider: Provider
) -> None:
    provider.script.append(Reply(status=401, body={"error": {"message": "who are you"}}))

    with pytest.raises(anthropic.AuthenticationError), client.messages.stream(**ASKED):
        pass

    assert traced.one().attributes["error.type"] == "AuthenticationError"


def test_a_raw_response_is_read_by_us_and_by_the_app(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    raw = client.messages.with_raw_response.create(**ASKED)

    assert raw.headers["x-request-id"] == "req_1"
    message = raw.parse()
    assert message.content[0].text == ANSWER
    assert said(traced.one()) == ANSWER


async def test_an_async_raw_response_that_nobody_parses(
    traced: SpanRecorder, aclient: anthropic.AsyncAnthropic
) -> None:
    await aclient.messages.with_raw_response.create(**ASKED)

    span = traced.one()
    assert (said(span), span.status) == (ANSWER, StatusCode.OK)
    assert "groundtrace.cancelled" not in span.attributes


def test_a_raw_stream_is_read_along(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    raw = client.messages.with_raw_response.create(**ASKED, stream=True)
    assert traced.all() == []
    assert [event.type for event in raw.parse()][-1] == "message_stop"

    assert said(traced.one()) == ANSWER


def test_a_streaming_response_ends_when_it_is_closed(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    with client.messages.with_streaming_response.create(**ASKED) as response:
        assert response.parse().content[0].text == ANSWER

    assert said(traced.one()) == ANSWER
