"""Messages asked and answered: what the span of one call carries."""

import asyncio
from typing import Any

import anthropic
import pytest
from opentelemetry.trace import StatusCode

import groundtrace
from groundtrace.settings import TraceSettings, use_settings
from tests.integrations.message_replies import ANSWER
from tests.integrations.provider_stub import Provider, Reply
from tests.span_recorder import RecordedSpan, SpanRecorder

QUESTION: Any = [{"role": "user", "content": "Where does the government sit?"}]
WEATHER: Any = [{"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {}}}]
ASKED: Any = {"model": "claude", "max_tokens": 64, "messages": QUESTION}


def messages_of(span: RecordedSpan, prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix + "."): span.attributes[key]
        for key in span.attributes
        if key.startswith(prefix)
    }


def test_a_message_is_one_span(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    answer = client.messages.create(**ASKED, system="Answer briefly.", stop_sequences=["END"])

    span = traced.one()
    assert answer.content[0].text == ANSWER
    assert (span.name, span.kind, span.status) == ("messages.create", "LLM", StatusCode.OK)
    assert messages_of(span, "llm.input_messages") == {
        "0.message.role": "system",
        "0.message.content": "Answer briefly.",
        "1.message.role": "user",
        "1.message.content": "Where does the government sit?",
    }
    assert messages_of(span, "llm.output_messages") == {
        "0.message.role": "assistant",
        "0.message.content": ANSWER,
    }
    assert span.attributes["llm.model_name"] == span.attributes["gen_ai.response.model"] == "claude-2026"
    assert span.attributes["gen_ai.request.model"] == "claude"
    assert span.attributes["llm.provider"] == span.attributes["gen_ai.provider.name"] == "anthropic"
    assert span.attributes["llm.invocation_parameters"] == '{"max_tokens":64,"stop_sequences":["END"]}'
    assert span.attributes["gen_ai.request.max_tokens"] == 64
    assert span.attributes["llm.finish_reason"] == "end_turn"
    assert span.attributes["gen_ai.response.id"] == "msg_1"
    assert span.attributes["input.value"] == "Where does the government sit?"
    assert span.attributes["output.value"] == ANSWER


def test_tokens_count_what_was_cached_as_part_of_the_prompt(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    client.messages.create(**ASKED)

    found = traced.one().attributes
    assert found["llm.token_count.prompt"] == found["gen_ai.usage.input_tokens"] == 25
    assert found["llm.token_count.completion"] == found["gen_ai.usage.output_tokens"] == 8
    assert found["llm.token_count.total"] == 33
    assert found["llm.token_count.prompt_details.cache_read"] == 16
    assert found["llm.token_count.prompt_details.cache_write"] == 4


async def test_an_async_message_is_one_span(traced: SpanRecorder, aclient: anthropic.AsyncAnthropic) -> None:
    await aclient.messages.create(**ASKED)

    assert traced.one().attributes["output.value"] == ANSWER


def test_tools_their_calls_and_their_results(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    asked: Any = [
        *QUESTION,
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_0", "name": "weather", "input": {"city": "Bern"}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_0", "content": "rain"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_9",
                    "content": [{"type": "text", "text": "sun"}],
                },
                {"type": "text", "text": "And now?"},
            ],
        },
    ]
    client.messages.create(**{**ASKED, "messages": asked}, tools=WEATHER)

    span = traced.one()
    asked_of = messages_of(span, "llm.input_messages")
    assert asked_of["1.message.tool_calls.0.tool_call.function.arguments"] == '{"city":"Bern"}'
    assert [asked_of[f"{place}.message.role"] for place in range(5)] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]
    assert (asked_of["2.message.tool_call_id"], asked_of["2.message.content"]) == ("toolu_0", "rain")
    assert (asked_of["3.message.tool_call_id"], asked_of["3.message.content"]) == ("toolu_9", "sun")
    assert asked_of["4.message.content"] == "And now?"
    said = messages_of(span, "llm.output_messages")
    assert said["0.message.content"] == "Let me look."
    assert said["0.message.tool_calls.0.tool_call.id"] == "toolu_1"
    assert said["0.message.tool_calls.0.tool_call.function.name"] == "weather"
    assert '"name":"weather"' in span.attributes["llm.tools.0.tool.json_schema"]
    assert span.attributes["llm.finish_reason"] == "tool_use"


def test_thinking_and_pictures_keep_their_place(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 40_000}}
    content: Any = [picture, {"type": "text", "text": "What is this?"}]
    client.messages.create(
        model="claude",
        max_tokens=2_000,
        messages=[{"role": "user", "content": content}],
        extra_body={
            "thinking": {"type": "enabled", "budget_tokens": 1_024}
        },  # the oldest client knows it not
    )

    span = traced.one()
    asked = messages_of(span, "llm.input_messages")
    assert asked["0.message.contents.0.message_content.image.image.url"] == "__REDACTED__"
    assert asked["0.message.contents.1.message_content.text"] == "What is this?"
    said = messages_of(span, "llm.output_messages")
    assert said["0.message.contents.0.message_content.type"] == "reasoning"
    assert said["0.message.contents.0.message_content.text"] == "Swiss cities."
    assert said["0.message.contents.1.message_content.text"] == ANSWER
    assert span.attributes["output.value"] == ANSWER


def test_beta_messages_go_by_their_name(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    client.beta.messages.create(**ASKED)

    assert traced.one().name == "beta.messages.create"


def test_what_is_no_model_call_has_no_span_of_ours(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    client.messages.count_tokens(model="claude", messages=QUESTION)

    assert traced.of_kind("LLM") == []


def test_the_clients_own_span_of_the_call_makes_way(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    client.messages.create(**ASKED)
    for _ in client.messages.create(**ASKED, stream=True):
        pass

    assert [span.name for span in traced.all()] == ["messages.create"] * 2


def test_it_nests_in_the_span_around_it(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    with groundtrace.context(session="s1"), groundtrace.chain("ask", input="q"):
        client.messages.create(**ASKED)

    span = traced.named("messages.create")
    assert span.parent_id == traced.named("ask").span_id
    assert span.attributes["session.id"] == "s1"
    assert "output.value" not in span.attributes  # its message says it


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, anthropic.BadRequestError, id="refused"),
        pytest.param(529, anthropic.APIStatusError, id="overloaded"),
    ],
)
def test_errors_reach_the_app_and_the_span(
    traced: SpanRecorder, client: anthropic.Anthropic, provider: Provider, status: int, error: type[Exception]
) -> None:
    body = {"type": "error", "error": {"type": "t", "message": "no"}}
    provider.script.extend([Reply(status=status, body=body)] * 2)

    with pytest.raises(error) as raised:
        client.messages.create(**ASKED)

    span = traced.one()
    assert span.status is StatusCode.ERROR
    assert span.attributes["error.type"] == type(raised.value).__name__
    assert span.event_names == ["exception"]


def test_the_clients_retries_are_one_span(
    traced: SpanRecorder, client: anthropic.Anthropic, provider: Provider
) -> None:
    provider.script.append(Reply(status=500, body={"error": {"message": "no"}}))

    client.messages.create(**ASKED)

    assert len(provider.asked) == 2
    assert traced.one().status is StatusCode.OK


async def test_a_cancelled_task_is_no_error(traced: SpanRecorder, aclient: anthropic.AsyncAnthropic) -> None:
    task = asyncio.create_task(aclient.messages.create(**ASKED))
    await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert traced.one().status is StatusCode.OK


@pytest.mark.parametrize("content", ["ids", "none"])
def test_without_texts_only_figures_remain(
    traced: SpanRecorder, client: anthropic.Anthropic, content: Any
) -> None:
    use_settings(TraceSettings(content=content))
    client.messages.create(**ASKED, system="secret", tools=WEATHER)

    span = traced.one()
    assert [word for word in ("Bern", "secret", "government") if word in str(dict(span.attributes))] == []
    assert "llm.output_messages.0.message.content" not in span.attributes
    assert span.attributes["llm.token_count.total"] == 33


def test_texts_are_redacted_first(traced: SpanRecorder, client: anthropic.Anthropic) -> None:
    use_settings(TraceSettings(redact=(lambda text: text.replace("Bern", "[city]"),)))
    client.messages.create(**ASKED)

    assert "Bern" not in str(dict(traced.one().attributes))
    assert "[city]" in traced.one().attributes["output.value"]


def test_in_full_the_whole_request_and_answer_are_there(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    use_settings(TraceSettings(plumbing="full"))
    client.messages.create(**ASKED)

    found = traced.one().attributes
    assert found["input.mime_type"] == found["output.mime_type"] == "application/json"
    assert '"max_tokens":64' in found["input.value"]
    assert '"stop_reason":"end_turn"' in found["output.value"]
    assert found["llm.output_messages.0.message.contents.0.message_content.text"] == ANSWER


def test_a_long_conversation_keeps_its_first_and_last_messages(
    traced: SpanRecorder, client: anthropic.Anthropic
) -> None:
    many: Any = [
        {"role": ("user", "assistant")[place % 2], "content": f"turn {place}"} for place in range(301)
    ]
    client.messages.create(**{**ASKED, "messages": many})

    span = traced.one()
    assert len(span.attributes) <= 128
    assert span.attributes["llm.input_messages.0.message.content"] == "turn 0"
    assert span.attributes["llm.input_messages.300.message.content"] == "turn 300"
    assert span.attributes["groundtrace.truncated"] == ("llm.input_messages",)
