# ruff: noqa: ARG002 - LangChain's interfaces name the arguments
"""Models and tools: what was said, by which model, at what price in tokens."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake import FakeListLLM, FakeStreamingListLLM
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from pydantic import Field

from tests.integrations.langchain.parts import prompt, streaming_model
from tests.span_recorder import SpanRecorder


class HostedModel(BaseChatModel):
    """A chat model as a provider's package writes one."""

    model_name: str = "hosted-large"
    temperature: float = 0.1
    answer: AIMessage = AIMessage("Paris")
    llm_output: dict[str, Any] = Field(default_factory=dict)

    @property
    def _llm_type(self) -> str:
        return "hosted"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {"ls_provider": "azure_openai", "ls_model_name": self.model_name, "ls_model_type": "chat"}

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model_name, "temperature": self.temperature}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.answer)], llm_output=self.llm_output)


class UsageStream(HostedModel):
    """A stream whose last chunk tells the tokens."""

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="Pa"))
        yield ChatGenerationChunk(message=AIMessageChunk(content="ris"))
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="", usage_metadata={"input_tokens": 11, "output_tokens": 2, "total_tokens": 13}
            )
        )


def test_model_span_has_messages_model_provider_and_parameters(traced: SpanRecorder) -> None:
    HostedModel().invoke([SystemMessage("Be brief."), HumanMessage("Capital of France?")])

    attributes = traced.one().attributes
    assert attributes["openinference.span.kind"] == "LLM"
    assert attributes["llm.input_messages.0.message.role"] == "system"
    assert attributes["llm.input_messages.1.message.content"] == "Capital of France?"
    assert attributes["llm.output_messages.0.message.role"] == "assistant"
    assert attributes["llm.output_messages.0.message.content"] == "Paris"
    assert attributes["llm.model_name"] == attributes["gen_ai.request.model"] == "hosted-large"
    assert attributes["llm.provider"] == "azure"
    assert attributes["llm.system"] == "openai"
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert attributes["gen_ai.operation.name"] == "chat"
    assert json.loads(attributes["llm.invocation_parameters"])["temperature"] == 0.1
    assert attributes["output.value"] == "Paris"


OPENAI_USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
ANTHROPIC_USAGE = {
    "input_tokens": 5,
    "output_tokens": 3,
    "cache_read_input_tokens": 90,
    "cache_creation_input_tokens": 5,
}
USAGE = [
    pytest.param(
        AIMessage(
            "x",
            usage_metadata={
                "input_tokens": 100,
                "output_tokens": 20,
                "total_tokens": 120,
                "input_token_details": {"cache_read": 60, "cache_creation": 10},
                "output_token_details": {"reasoning": 5},
            },
        ),
        {},
        {
            "prompt": 100,
            "completion": 20,
            "total": 120,
            "prompt_details.cache_read": 60,
            "prompt_details.cache_write": 10,
            "completion_details.reasoning": 5,
        },
        id="usage_metadata",
    ),
    pytest.param(
        AIMessage("x"),
        {"token_usage": OPENAI_USAGE},
        {
            "prompt": 7,
            "completion": 3,
            "total": 10,
            "prompt_details.cache_read": 4,
            "completion_details.reasoning": 2,
        },
        id="openai llm_output",
    ),
    pytest.param(
        AIMessage("x", response_metadata={"token_usage": {"prompt_tokens": 7, "completion_tokens": 3}}),
        {},
        {"prompt": 7, "completion": 3, "total": 10},
        id="response_metadata",
    ),
    pytest.param(
        AIMessage("x", response_metadata={"usage": ANTHROPIC_USAGE}),
        {},
        {
            "prompt": 100,
            "completion": 3,
            "total": 103,
            "prompt_details.cache_read": 90,
            "prompt_details.cache_write": 5,
        },
        id="anthropic raw",
    ),
    pytest.param(
        AIMessage(
            "x",
            usage_metadata={
                "input_tokens": 5,
                "output_tokens": 3,
                "total_tokens": 98,
                "input_token_details": {"cache_read": 90},
            },
        ),
        {},
        {"prompt": 95, "completion": 3, "total": 98, "prompt_details.cache_read": 90},
        id="bedrock leaves the cache out",
    ),
    pytest.param(
        AIMessage("x", response_metadata={"prompt_eval_count": 9, "eval_count": 4}),
        {},
        {"prompt": 9, "completion": 4, "total": 13},
        id="ollama",
    ),
    pytest.param(AIMessage("x"), {}, {}, id="none told"),
]


@pytest.mark.parametrize(("answer", "llm_output", "expected"), USAGE)
def test_tokens_are_read_wherever_the_provider_puts_them(
    traced: SpanRecorder, answer: AIMessage, llm_output: dict[str, Any], expected: dict[str, int]
) -> None:
    HostedModel(answer=answer, llm_output=llm_output).invoke("hi")

    prefix = "llm.token_count."
    attributes = traced.one().attributes
    assert {
        key[len(prefix) :]: value for key, value in attributes.items() if key.startswith(prefix)
    } == expected
    assert attributes.get("gen_ai.usage.input_tokens") == expected.get("prompt")
    assert attributes.get("gen_ai.usage.output_tokens") == expected.get("completion")


def test_response_tells_finish_reason_and_model(traced: SpanRecorder) -> None:
    answer = AIMessage("x", response_metadata={"finish_reason": "length", "model_name": "hosted-large-2026"})

    HostedModel(answer=answer).invoke("hi")

    attributes = traced.one().attributes
    assert attributes["llm.finish_reason"] == "length"
    assert attributes["gen_ai.response.finish_reasons"] == ("length",)
    assert attributes["gen_ai.request.model"] == "hosted-large"
    assert attributes["gen_ai.response.model"] == attributes["llm.model_name"] == "hosted-large-2026"


def test_tool_calls_and_their_results_are_in_the_messages(traced: SpanRecorder) -> None:
    call = {"name": "weather", "args": {"city": "Bern"}, "id": "call-1", "type": "tool_call"}
    asked = [
        HumanMessage("Weather?"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("sunny", tool_call_id="call-1"),
    ]

    HostedModel(answer=AIMessage("", tool_calls=[call])).invoke(asked, tools=[{"name": "weather"}])

    attributes = traced.one().attributes
    stem = "llm.input_messages.1.message.tool_calls.0.tool_call."
    assert attributes[stem + "function.name"] == "weather"
    assert json.loads(attributes[stem + "function.arguments"]) == {"city": "Bern"}
    assert attributes["llm.input_messages.2.message.role"] == "tool"
    assert attributes["llm.input_messages.2.message.tool_call_id"] == "call-1"
    assert attributes["llm.output_messages.0.message.tool_calls.0.tool_call.id"] == "call-1"
    assert json.loads(attributes["llm.tools.0.tool.json_schema"]) == {"name": "weather"}


def test_parts_of_a_message_are_told_apart(traced: SpanRecorder) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "http://x/y.png"}},
    ]

    HostedModel().invoke([HumanMessage(parts)])  # type: ignore[arg-type]

    attributes = traced.one().attributes
    assert attributes["llm.input_messages.0.message.contents.0.message_content.text"] == "What is this?"
    assert (
        attributes["llm.input_messages.0.message.contents.1.message_content.image.image.url"]
        == "http://x/y.png"
    )


def test_completion_model_has_prompts_and_choices(traced: SpanRecorder) -> None:
    FakeListLLM(responses=["Paris"]).invoke("Capital of France?")

    attributes = traced.one().attributes
    assert attributes["llm.prompts"] == ("Capital of France?",)
    assert attributes["llm.choices.0.completion.text"] == "Paris"
    assert attributes["gen_ai.operation.name"] == "text_completion"


def test_stream_has_one_span_with_first_token_whole_answer_and_usage(traced: SpanRecorder) -> None:
    chunks = [chunk.content for chunk in UsageStream().stream("hi")]

    span = traced.one()
    assert "".join(str(chunk) for chunk in chunks) == "Paris"
    assert span.attributes["llm.output_messages.0.message.content"] == "Paris"
    assert span.attributes["llm.output_messages.0.message.role"] == "assistant"
    assert span.attributes["llm.token_count.prompt"] == 11
    assert span.event_names == ["First Token Stream Event"]
    assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] < 5


def test_completion_stream_has_one_span(traced: SpanRecorder) -> None:
    assert "".join(FakeStreamingListLLM(responses=["abc"]).stream("hi")) == "abc"

    assert traced.one().attributes["llm.choices.0.completion.text"] == "abc"


async def test_async_stream_has_one_span(traced: SpanRecorder) -> None:
    chunks = [str(chunk.content) async for chunk in streaming_model("one two").astream("hi")]

    assert "".join(chunks) == "one two"
    assert traced.one().attributes["llm.output_messages.0.message.content"] == "one two"


def test_several_conversations_in_one_call_are_a_span_each(traced: SpanRecorder) -> None:
    HostedModel().generate([[HumanMessage("a")], [HumanMessage("b")]])

    spans = traced.all()
    assert [span.attributes["llm.input_messages.0.message.content"] for span in spans] == ["a", "b"]


def test_prompt_version_of_the_template_is_on_the_model(traced: SpanRecorder) -> None:
    template = prompt()
    template.metadata = {"prompt_version": "v3"}

    (template | HostedModel()).invoke({"context": "c", "question": "q"})

    (model,) = traced.of_kind("LLM")
    assert model.attributes["llm.prompt_template.version"] == "v3"


def test_tool_span_has_name_description_input_and_output(traced: SpanRecorder) -> None:
    @tool
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"sunny in {city}"

    weather.invoke({"name": "weather", "args": {"city": "Bern"}, "id": "call-1", "type": "tool_call"})

    span = traced.one()
    assert span.kind == "TOOL"
    assert span.attributes["tool.name"] == span.attributes["gen_ai.tool.name"] == "weather"
    assert span.attributes["tool.description"] == "Tell the weather of a city."
    assert span.attributes["gen_ai.tool.call.id"] == "call-1"
    assert span.attributes["input.value"] == "Bern"
    assert span.attributes["output.value"] == "sunny in Bern"


def test_hidden_parts_stay_hidden(traced: SpanRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("INPUT_MESSAGES", "OUTPUT_TEXT", "LLM_INVOCATION_PARAMETERS", "INPUTS", "OUTPUTS"):
        monkeypatch.setenv(f"OPENINFERENCE_HIDE_{part}", "true")

    HostedModel(answer=AIMessage("secret answer")).invoke("secret question")

    assert "secret" not in str(dict(traced.one().attributes))
    assert "llm.invocation_parameters" not in traced.one().attributes
