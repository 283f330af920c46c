"""The responses API."""

import json
from typing import Any

import openai
import pytest

from groundtrace.settings import TraceSettings
from groundtrace_integrations.openai import OpenAIInstrumentor
from tests.integrations.openai.versions import needs_responses
from tests.integrations.provider_stub import ANSWER, Provider, Reply, response_body
from tests.span_recorder import SpanRecorder

pytestmark = needs_responses

TOOL: Any = {"type": "function", "name": "weather", "parameters": {}, "strict": False}


def test_a_response_carries_instructions_question_reasoning_and_answer(
    traced: SpanRecorder, client: openai.OpenAI
) -> None:
    client.responses.create(model="gpt", instructions="Be brief.", input="Where?", max_output_tokens=9)

    span = traced.one()
    attributes = span.attributes
    assert (span.name, span.kind) == ("Response", "LLM")
    assert attributes["llm.input_messages.0.message.role"] == "system"
    assert attributes["llm.input_messages.0.message.content"] == "Be brief."
    assert attributes["llm.input_messages.1.message.content"] == "Where?"
    stem = "llm.output_messages.{}.message.contents.0.message_content.{}"
    assert attributes[stem.format(0, "type")] == "reasoning"
    assert attributes[stem.format(0, "text")] == "Swiss cities."
    assert attributes[stem.format(1, "text")] == ANSWER
    assert attributes["output.value"] == ANSWER
    assert attributes["gen_ai.request.max_tokens"] == 9
    assert attributes["llm.token_count.completion_details.reasoning"] == 3
    assert attributes["gen_ai.response.finish_reasons"] == ("completed",)


def test_items_of_a_conversation_are_messages(traced: SpanRecorder, client: openai.OpenAI) -> None:
    items: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Bern"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {"type": "item_reference", "id": "x"},
    ]
    client.responses.create(model="gpt", input=items, tools=[TOOL])

    attributes, stem = traced.one().attributes, "llm.input_messages"
    assert attributes[f"{stem}.1.message.contents.0.message_content.text"] == "Weather?"
    assert attributes[f"{stem}.2.message.tool_calls.0.tool_call.id"] == "call_1"
    assert attributes[f"{stem}.3.message.role"] == "tool"
    assert attributes[f"{stem}.3.message.content"] == "sunny"
    assert not [key for key in attributes if key.startswith(f"{stem}.4.")]
    assert attributes["input.value"] == "Weather?"
    assert json.loads(attributes["llm.tools.0.tool.json_schema"]) == TOOL
    assert attributes["llm.output_messages.0.message.tool_calls.0.tool_call.function.name"] == "weather"


def test_what_cut_an_answer_short_is_its_finish_reason(
    traced: SpanRecorder, client: openai.OpenAI, provider: Provider
) -> None:
    details = {"reason": "max_output_tokens"}
    provider.script.append(
        Reply(body=response_body({"model": "gpt"}, status="incomplete", incomplete_details=details))
    )
    client.responses.create(model="gpt", input="Where?")

    assert traced.one().attributes["gen_ai.response.finish_reasons"] == ("max_output_tokens",)


def test_reading_a_stored_response_is_no_model_call(traced: SpanRecorder, client: openai.OpenAI) -> None:
    client.responses.retrieve("resp_1")

    assert traced.all() == []


@pytest.mark.parametrize("plumbing", ["full", "names"])
def test_sealed_reasoning_is_kept_only_where_everything_is(
    spans: SpanRecorder, client: openai.OpenAI, provider: Provider, plumbing: Any
) -> None:
    item = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "s3cr3t"}
    provider.script.append(Reply(body=response_body({"model": "gpt"}, output=[item])))
    instrumentor = OpenAIInstrumentor()
    settings = TraceSettings(plumbing=plumbing)
    instrumentor.instrument(tracer_provider=spans.provider, config=settings, skip_dep_check=True)
    try:
        client.responses.create(model="gpt", input="Where?")
    finally:
        instrumentor.uninstrument()

    key = "llm.output_messages.0.message.contents.0.message_content.encrypted_content"
    assert spans.one().attributes.get(key) == ("s3cr3t" if plumbing == "full" else None)
