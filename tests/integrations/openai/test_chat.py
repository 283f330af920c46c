"""Chat completions and legacy completions, as the app's own client asks for them."""

import json
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

import groundtrace
from groundtrace.settings import TraceSettings
from groundtrace_integrations.openai import OpenAIInstrumentor
from groundtrace_integrations.openai.providers import provider_attributes
from tests.integrations.openai.versions import needs_parse, needs_responses
from tests.integrations.provider_stub import ANSWER, Provider, Reply
from tests.span_recorder import SpanRecorder

QUESTION: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where does the Swiss government sit?"},
]
WEATHER: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
]


def test_chat_gives_one_llm_span_with_messages_model_and_tokens(
    traced: SpanRecorder, client: openai.OpenAI
) -> None:
    answer = client.chat.completions.create(model="gpt", messages=QUESTION, temperature=0.1)

    assert answer.choices[0].message.content == ANSWER
    span = traced.one()
    assert (span.name, span.kind, span.status) == ("ChatCompletion", "LLM", StatusCode.OK)
    assert dict(span.attributes) == {
        "openinference.span.kind": "LLM",
        "gen_ai.operation.name": "chat",
        "llm.system": "openai",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt",
        "gen_ai.request.temperature": 0.1,
        "gen_ai.response.model": "gpt-2026",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "llm.model_name": "gpt-2026",
        "llm.finish_reason": "stop",
        "llm.invocation_parameters": '{"model":"gpt","temperature":0.1}',
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": "Where does the Swiss government sit?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": ANSWER,
        "input.value": "Where does the Swiss government sit?",
        "input.mime_type": "text/plain",
        "output.value": ANSWER,
        "output.mime_type": "text/plain",
        "llm.token_count.prompt": 21,
        "llm.token_count.completion": 8,
        "llm.token_count.total": 29,
        "llm.token_count.prompt_details.cache_read": 16,
        "llm.token_count.prompt_details.audio": 0,
        "llm.token_count.completion_details.reasoning": 3,
        "llm.token_count.completion_details.audio": 0,
        "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.usage.cache_read.input_tokens": 16,
        "gen_ai.usage.reasoning.output_tokens": 3,
    }


async def test_async_chat_gives_the_same_span(
    traced: SpanRecorder, client: openai.OpenAI, aclient: openai.AsyncOpenAI
) -> None:
    client.chat.completions.create(model="gpt", messages=QUESTION)
    await aclient.chat.completions.create(model="gpt", messages=QUESTION)

    one, other = traced.all()
    assert one.attributes == other.attributes


def test_a_call_inside_a_span_does_not_repeat_its_text(traced: SpanRecorder, client: openai.OpenAI) -> None:
    with groundtrace.chain("ask"):
        client.chat.completions.create(model="gpt", messages=QUESTION)

    chain, call = traced.all()
    assert call.parent_id == chain.span_id
    assert "input.value" not in call.attributes
    assert call.attributes["llm.output_messages.0.message.content"] == ANSWER


def test_tools_and_tool_calls_are_carried(traced: SpanRecorder, client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="gpt", messages=QUESTION, tools=WEATHER)
    message = first.choices[0].message
    messages = [*QUESTION, message, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    client.chat.completions.create(model="gpt", messages=messages)

    asked, answered = traced.all()
    stem = "llm.output_messages.0.message.tool_calls.0.tool_call"
    assert json.loads(asked.attributes["llm.tools.0.tool.json_schema"]) == WEATHER[0]
    assert asked.attributes[f"{stem}.id"] == "call_1"
    assert asked.attributes[f"{stem}.function.name"] == "weather"
    assert asked.attributes[f"{stem}.function.arguments"] == '{"city": "Bern"}'
    assert asked.attributes["llm.finish_reason"] == "tool_calls"
    assert (
        answered.attributes["llm.input_messages.2.message.tool_calls.0.tool_call.function.name"] == "weather"
    )
    assert answered.attributes["llm.input_messages.3.message.tool_call_id"] == "call_1"


def test_parts_of_a_message_are_told_and_long_pictures_left_out(
    traced: SpanRecorder, client: openai.OpenAI
) -> None:
    picture = "data:image/png;base64," + "A" * 40_000
    parts: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": picture}},
        {"type": "image_url", "image_url": {"url": "https://example.org/bern.png"}},
    ]
    client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": parts}])

    span, stem = traced.one(), "llm.input_messages.0.message.contents"
    assert span.attributes[f"{stem}.0.message_content.text"] == "What is this?"
    assert span.attributes[f"{stem}.1.message_content.image.image.url"] == "__REDACTED__"
    assert span.attributes[f"{stem}.2.message_content.image.image.url"] == "https://example.org/bern.png"
    assert span.attributes["input.value"] == "What is this?"


def test_each_choice_is_told(traced: SpanRecorder, client: openai.OpenAI) -> None:
    client.chat.completions.create(model="gpt", messages=QUESTION, n=3)

    span = traced.one()
    assert [span.attributes[f"llm.output_messages.{n}.message.content"] for n in range(3)] == [ANSWER] * 3
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop", "stop", "stop")


def test_retries_of_the_client_are_inside_one_span(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    provider.script.extend([Reply(status=500), Reply(status=429)])

    client.chat.completions.create(model="gpt", messages=QUESTION)

    assert len(provider.asked) == 3
    assert traced.one().status is StatusCode.OK


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, openai.BadRequestError, id="bad-request"),
        pytest.param(401, openai.AuthenticationError, id="unauthorised"),
        pytest.param(429, openai.RateLimitError, id="rate-limit"),
    ],
)
def test_an_error_is_the_apps_own_and_on_the_span(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider, status: int, error: type[Exception]
) -> None:
    provider.script.extend([Reply(status=status, body={"error": {"message": "no such luck"}})] * 3)

    with pytest.raises(error) as raised:
        client.chat.completions.create(model="gpt", messages=QUESTION)

    span = traced.one()
    assert span.status is StatusCode.ERROR
    assert span.span.status.description == f"{error.__name__}: {raised.value}"
    assert span.attributes["error.type"] == error.__name__
    assert span.event_names == ["exception"]
    assert span.attributes["llm.input_messages.1.message.content"] == QUESTION[1]["content"]
    assert span.attributes["gen_ai.request.model"] == "gpt"


def test_a_provider_that_cannot_be_reached_is_an_error(traced: SpanRecorder) -> None:
    client = openai.OpenAI(api_key="sk-test", base_url="http://127.0.0.1:9/v1", max_retries=0)

    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="gpt", messages=QUESTION)

    assert traced.one().attributes["error.type"] == "APIConnectionError"


def test_the_span_is_current_while_the_request_is_under_way(
    traced: SpanRecorder, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    prepare = client._prepare_options

    def spy(options: Any) -> Any:
        seen.append(trace.get_current_span())
        return prepare(options)

    monkeypatch.setattr(client, "_prepare_options", spy)
    client.chat.completions.create(model="gpt", messages=QUESTION)

    assert [span.get_span_context().span_id for span in seen] == [traced.one().span_id]


@needs_parse
def test_parsed_answers_keep_their_type(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    import pydantic

    class City(pydantic.BaseModel):
        name: str

    message = {"role": "assistant", "content": '{"name": "Bern"}', "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    provider.script.append(
        Reply(
            body={"id": "c", "object": "chat.completion", "created": 1, "model": "gpt", "choices": [choice]}
        )
    )

    answer = client.chat.completions.parse(model="gpt", messages=QUESTION, response_format=City)

    assert answer.choices[0].message.parsed == City(name="Bern")
    assert traced.one().attributes["llm.output_messages.0.message.content"] == '{"name": "Bern"}'


def test_legacy_completions_carry_prompts_and_choices(traced: SpanRecorder, client: openai.OpenAI) -> None:
    client.completions.create(model="davinci", prompt=["Bern?", "Basel?"])

    span = traced.one()
    assert (span.name, span.kind) == ("Completion", "LLM")
    assert span.attributes["llm.prompts.1.prompt.text"] == "Basel?"
    assert span.attributes["llm.choices.1.completion.text"] == "Bern it is."
    assert span.attributes["llm.token_count.total"] == 29
    assert span.attributes["gen_ai.operation.name"] == "text_completion"


def test_requests_that_call_no_model_have_no_span(traced: SpanRecorder, client: openai.OpenAI) -> None:
    client.models.list()

    assert traced.all() == []


@pytest.mark.parametrize(
    ("host", "provider", "genai"),
    [
        pytest.param("api.openai.com", "openai", "openai", id="openai"),
        pytest.param("my.openai.azure.com", "azure", "azure.ai.openai", id="azure"),
        pytest.param("notopenai.azure.com.example", None, "openai", id="unknown"),
    ],
)
def test_the_host_tells_the_provider(host: str, provider: str | None, genai: str) -> None:
    attributes = provider_attributes(openai.OpenAI(api_key="sk", base_url=f"https://{host}/v1"))

    assert attributes["llm.system"] == "openai"
    assert attributes.get("llm.provider") == provider
    assert attributes["gen_ai.provider.name"] == genai


@needs_responses
def test_without_content_no_text_leaves(spans: SpanRecorder, client: openai.OpenAI) -> None:
    instrumentor = OpenAIInstrumentor()
    config = TraceSettings(content="ids")
    instrumentor.instrument(tracer_provider=spans.provider, config=config, skip_dep_check=True)
    try:
        client.chat.completions.create(model="gpt", messages=QUESTION, tools=WEATHER)
        client.responses.create(model="gpt", input="Where is Bern?", instructions="Be brief.")
        client.completions.create(model="gpt", prompt="Where is Bern?")
        client.embeddings.create(model="e", input="Where is Bern?")
    finally:
        instrumentor.uninstrument()

    written = json.dumps([dict(span.attributes) for span in spans.all()])
    assert "Bern" not in written
    assert "brief" not in written
    assert [span.attributes.get("llm.token_count.total") for span in spans.all()] == [29, 29, 29, 5]


@needs_responses
def test_texts_are_redacted_wherever_they_stand(spans: SpanRecorder, client: openai.OpenAI) -> None:
    instrumentor = OpenAIInstrumentor()
    config = TraceSettings(redact=(lambda text: text.replace("Bern", "[city]"),), plumbing="full")
    instrumentor.instrument(tracer_provider=spans.provider, config=config, skip_dep_check=True)
    try:
        client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "Is it Bern?"}])
        client.responses.create(model="gpt", input="Is it Bern?")
    finally:
        instrumentor.uninstrument()

    written = json.dumps([dict(span.attributes) for span in spans.all()])
    assert "Bern" not in written
    assert "[city] is the seat" in written
