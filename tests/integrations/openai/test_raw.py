"""``with_raw_response`` and ``with_streaming_response``: the answer is seen whichever way it is read."""

from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode

from tests.integrations.openai.test_chat import QUESTION
from tests.integrations.provider_stub import ANSWER, Provider, Reply
from tests.span_recorder import SpanRecorder

CONTENT = "llm.output_messages.0.message.content"


def test_a_raw_response_is_traced_and_parses_as_ever(traced: SpanRecorder, client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt", messages=QUESTION)

    assert traced.one().attributes[CONTENT] == ANSWER
    assert raw.headers["x-request-id"] == "req_1"
    assert raw.parse().choices[0].message.content == ANSWER
    assert raw.parse() is raw.parse()


async def test_an_async_raw_response_is_traced(traced: SpanRecorder, aclient: openai.AsyncOpenAI) -> None:
    raw = await aclient.chat.completions.with_raw_response.create(model="gpt", messages=QUESTION)

    assert raw.parse().choices[0].message.content == ANSWER
    assert traced.one().attributes[CONTENT] == ANSWER


def test_a_raw_stream_is_traced_once_parsed(traced: SpanRecorder, client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt", messages=QUESTION, stream=True)
    assert traced.all() == []
    for _ in raw.parse():
        pass

    assert traced.one().attributes[CONTENT] == ANSWER


@pytest.mark.parametrize("how", ["parse", "json", "text", "read", "iter_lines"])
def test_a_streaming_response_is_traced_however_it_is_read(
    traced: SpanRecorder, client: openai.OpenAI, how: str
) -> None:
    with client.chat.completions.with_streaming_response.create(model="gpt", messages=QUESTION) as response:
        assert traced.all() == []
        read = getattr(response, how)()
        if how == "iter_lines":
            list(read)

    span = traced.one()
    assert span.status is StatusCode.OK
    assert "groundtrace.cancelled" not in span.attributes
    assert span.attributes.get(CONTENT) == (None if how == "iter_lines" else ANSWER)


async def test_an_async_streaming_response_is_traced(
    traced: SpanRecorder, aclient: openai.AsyncOpenAI
) -> None:
    create = aclient.chat.completions.with_streaming_response.create
    async with create(model="gpt", messages=QUESTION) as response:
        await response.parse()

    assert traced.one().attributes[CONTENT] == ANSWER


def test_a_streaming_response_that_nobody_reads_is_cancelled(
    traced: SpanRecorder, client: openai.OpenAI
) -> None:
    with client.chat.completions.with_streaming_response.create(model="gpt", messages=QUESTION):
        pass

    assert traced.one().attributes["groundtrace.cancelled"] is True


def test_a_stream_inside_a_streaming_response(traced: SpanRecorder, client: openai.OpenAI) -> None:
    create = client.chat.completions.with_streaming_response.create
    with create(model="gpt", messages=QUESTION, stream=True) as response:
        for _ in response.parse():
            pass

    assert traced.one().attributes[CONTENT] == ANSWER


def test_an_answer_that_does_not_parse_is_the_apps_to_meet(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    provider.script.append(Reply(body={"choices": "none"}))

    raw = client.chat.completions.with_raw_response.create(model="gpt", messages=QUESTION)

    parsed: Any = raw.parse()
    assert parsed.choices == "none"
    assert traced.one().status is StatusCode.OK
