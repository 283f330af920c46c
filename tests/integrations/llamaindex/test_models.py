"""A model's call: chat, completion, streams read to the end, left early, dropped, broken."""

import asyncio
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from opentelemetry import trace

from tests.integrations.llamaindex.parts import ANSWER, QUESTION, SayingLLM, fact_index
from tests.span_recorder import RecordedSpan, SpanRecorder

MESSAGES = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=QUESTION)]


def said(span: RecordedSpan) -> Any:
    return span.attributes.get("llm.output_messages.0.message.content")


def test_a_chat_is_one_span(traced: SpanRecorder) -> None:
    SayingLLM().chat(MESSAGES, temperature=0.5)

    span = traced.one()
    found = span.attributes
    assert (span.name, span.kind) == ("SayingLLM.chat", "LLM")
    assert found["llm.input_messages.0.message.role"] == "system"
    assert found["llm.input_messages.1.message.content"] == found["input.value"] == QUESTION
    assert said(span) == found["output.value"] == ANSWER
    assert found["gen_ai.request.model"] == "saying"
    assert found["llm.model_name"] == found["gen_ai.response.model"] == "saying-2026"
    assert found["llm.token_count.prompt"] == found["gen_ai.usage.input_tokens"] == 21
    assert found["llm.token_count.total"] == 29
    assert found["llm.finish_reason"] == "stop"
    assert '"temperature":0.5' in found["llm.invocation_parameters"]


async def test_an_async_chat_is_one_span(traced: SpanRecorder) -> None:
    await SayingLLM().achat(MESSAGES)

    assert said(traced.one()) == ANSWER


def test_a_completion_is_one_span(traced: SpanRecorder) -> None:
    SayingLLM().complete("Where?")

    found = traced.one().attributes
    assert found["llm.prompts.0.prompt.text"] == "Where?"
    assert found["llm.choices.0.completion.text"] == ANSWER
    assert found["gen_ai.operation.name"] == "text_completion"
    assert (found["llm.token_count.prompt"], found["llm.token_count.completion"]) == (3, 2)


def test_tool_calls_keep_name_and_arguments(traced: SpanRecorder) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    asked = [
        ChatMessage(role="user", content="?"),
        ChatMessage(role="assistant", content=None, additional_kwargs={"tool_calls": [call]}),
        ChatMessage(role="tool", content="rain", additional_kwargs={"tool_call_id": "c1", "name": "weather"}),
    ]
    SayingLLM().chat(asked, tools=[{"type": "function", "function": {"name": "weather"}}])

    found, stem = traced.one().attributes, "llm.input_messages.1.message.tool_calls.0.tool_call"
    assert found[f"{stem}.id"] == found["llm.input_messages.2.message.tool_call_id"] == "c1"
    assert found[f"{stem}.function.arguments"] == '{"city": "Bern"}'
    assert '"weather"' in found["llm.tools.0.tool.json_schema"]


def test_a_stream_is_one_span_until_its_end(traced: SpanRecorder) -> None:
    stream = SayingLLM().stream_chat(MESSAGES)
    assert traced.all() == []
    assert [answer.message.content for answer in stream][-1] == ANSWER

    span = traced.one()
    assert said(span) == ANSWER
    assert span.event_names == ["First Token Stream Event"]
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert "groundtrace.cancelled" not in span.attributes


async def test_an_async_stream_is_one_span_until_its_end(traced: SpanRecorder) -> None:
    async for _ in await SayingLLM().astream_chat(MESSAGES):
        assert not trace.get_current_span().get_span_context().is_valid

    assert said(traced.one()) == ANSWER


@pytest.mark.parametrize("how", ["close", "drop", "never-begun"])
def test_a_stream_left_early_is_no_error_and_keeps_what_came(traced: SpanRecorder, how: str) -> None:
    stream: Any = SayingLLM().stream_chat(MESSAGES)
    if how != "never-begun":
        next(stream)
    if how == "close":
        stream.close()
    del stream

    span = traced.one()
    assert (span.status.name, span.attributes["groundtrace.cancelled"]) == ("OK", True)
    assert said(span) == (None if how == "never-begun" else "Paris,")


async def test_an_async_stream_left_early_is_no_error(traced: SpanRecorder) -> None:
    stream: Any = await SayingLLM().astream_chat(MESSAGES)
    await anext(stream)
    await stream.aclose()

    span = traced.one()
    assert (span.status.name, span.attributes["groundtrace.cancelled"], said(span)) == ("OK", True, "Paris,")


def test_a_stream_that_breaks_is_an_error_with_what_came(traced: SpanRecorder) -> None:
    model = SayingLLM()
    stream = model.stream_chat(MESSAGES)
    next(stream)
    model.failing(ConnectionError("cut"))

    with pytest.raises(ConnectionError, match="cut"):
        next(stream)

    span = traced.one()
    assert (span.status.name, span.attributes["error.type"], said(span)) == (
        "ERROR",
        "ConnectionError",
        "Paris,",
    )


async def test_a_cancelled_task_is_no_error(traced: SpanRecorder) -> None:
    class Hanging(SayingLLM):
        async def achat(self, messages: Any, **kwargs: Any) -> Any:  # noqa: ARG002
            await asyncio.sleep(30)

    task = asyncio.create_task(Hanging().achat(MESSAGES))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    span = traced.one()
    assert (span.status.name, span.attributes["groundtrace.cancelled"]) == ("OK", True)


def test_a_streamed_query_is_one_trace_and_ends_with_its_stream(traced: SpanRecorder) -> None:
    engine = fact_index().as_query_engine(llm=SayingLLM(), streaming=True)
    traced.clear()
    response: Any = engine.query(QUESTION)
    assert "".join(response.response_gen) == ANSWER

    assert len(traced.trace_ids()) == len(traced.roots()) == 1
    assert traced.roots()[0].attributes["output.value"] == ANSWER
    assert len(traced.of_kind("LLM")) == 1


async def test_an_async_streamed_query_is_one_trace(traced: SpanRecorder) -> None:
    engine = fact_index().as_query_engine(llm=SayingLLM(), streaming=True)
    traced.clear()
    response: Any = await engine.aquery(QUESTION)
    assert "".join([token async for token in response.async_response_gen()]) == ANSWER

    assert len(traced.trace_ids()) == len(traced.roots()) == 1
    assert traced.roots()[0].attributes["output.value"] == ANSWER


@pytest.mark.parametrize("begun", [True, False])
def test_a_streamed_query_left_early_is_no_error(traced: SpanRecorder, *, begun: bool) -> None:
    engine = fact_index().as_query_engine(llm=SayingLLM(), streaming=True)
    traced.clear()
    response: Any = engine.query(QUESTION)
    if begun:
        next(response.response_gen)
    del response

    assert {span.status.name for span in traced.all()} == {"OK"}
    assert traced.roots()[0].attributes["groundtrace.cancelled"] is True


def chatting() -> SimpleChatEngine:
    # The default memory is a database that nobody closes.
    memory = ChatMemoryBuffer.from_defaults(token_limit=1_000)
    return SimpleChatEngine.from_defaults(llm=SayingLLM(), memory=memory)


def test_a_chat_with_memory_is_one_trace_a_turn(traced: SpanRecorder) -> None:
    engine = chatting()
    engine.chat(QUESTION)
    response = engine.stream_chat("And now?")
    assert "".join(response.response_gen) == ANSWER
    thread = getattr(response, "write_response_to_history_thread", None)
    if thread is not None:
        thread.join()

    assert len(traced.trace_ids()) == 2
    chat, streamed = traced.roots()
    assert (chat.name, streamed.name) == ("SimpleChatEngine.chat", "SimpleChatEngine.stream_chat")
    assert (chat.attributes["input.value"], streamed.attributes["input.value"]) == (QUESTION, "And now?")
    assert chat.attributes["output.value"] == streamed.attributes["output.value"] == ANSWER
    assert len(traced.of_kind("LLM")) == 2


async def test_an_async_streamed_chat_is_one_trace(traced: SpanRecorder) -> None:
    response = await chatting().astream_chat(QUESTION)
    assert "".join([token async for token in response.async_response_gen()]) == ANSWER
    task = getattr(response, "awrite_response_to_history_task", None)
    if task is not None:
        await task
    await asyncio.sleep(0)

    assert len(traced.trace_ids()) == 1
    assert traced.roots()[0].attributes["output.value"] == ANSWER
