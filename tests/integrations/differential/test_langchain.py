"""LangChain as OpenInference's instrumentor tells it, and as ours does."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI

import groundtrace
from groundtrace_integrations.langchain import LangChainInstrumentor
from tests.integrations.differential.both import Difference, compared
from tests.integrations.langchain import parts
from tests.integrations.provider_stub import Provider, Reply, serving

theirs = pytest.importorskip("openinference.instrumentation.langchain")

# OpenInference calls a method of LangChain's that is about to go.
pytestmark = pytest.mark.filterwarnings("ignore:Calling .text")

# All that our spans have and OpenInference's have not, one by one.
MORE = {
    "error.type": "OpenTelemetry's name of an error",
    "gen_ai.operation.name": "GenAI's names stand beside OpenInference's",
    "gen_ai.provider.name": "",
    "gen_ai.request.model": "",
    "gen_ai.response.finish_reasons": "",
    "gen_ai.response.model": "",
    "gen_ai.response.time_to_first_chunk": "",
    "gen_ai.retrieval.documents": "",
    "gen_ai.retrieval.top_k": "",
    "gen_ai.tool.call.id": "",
    "gen_ai.tool.description": "",
    "gen_ai.tool.name": "",
    "gen_ai.usage.cache_read.input_tokens": "",
    "gen_ai.usage.input_tokens": "",
    "gen_ai.usage.output_tokens": "",
    "gen_ai.usage.reasoning.output_tokens": "",
    "input.mime_type": "text/plain is said, not left to be guessed",
    "output.mime_type": "",
    "llm.choices.completion.text": "what a completion model answered",
    "llm.input_messages.message.content": "an empty text beside a tool call is told to be empty",
    "llm.output_messages.message.content": "",
    "llm.output_messages.message.contents.message_content.type": "the type of a part that has no text",
    "retrieval.documents.document.id": "",
    "retrieval.documents.document.score": "",
    "retrieval.score_sense": "",
    "retrieval.top_k": "",
    "tag.tags": "the tags of the call",
    "tool.id": "the call that the model asked for",
}


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


def refuse(_: object) -> None:
    raise ValueError("no")


def chat(provider: Provider, **changes: Any) -> ChatOpenAI:
    at: dict[str, Any] = {"base_url": provider.url, "api_key": "sk", "max_retries": 0}
    return ChatOpenAI(model="gpt", **at, **changes)


def completing(provider: Provider) -> OpenAI:
    at: dict[str, Any] = {"base_url": provider.url, "api_key": "sk"}
    return OpenAI(model="davinci", **at)


def chain(provider: Provider) -> Runnable[Any, str]:
    retriever = parts.fact_store().as_retriever(search_kwargs={"k": 2})
    context = retriever | parts.joined
    return (
        {"context": context, "question": RunnablePassthrough()}
        | parts.prompt()
        | chat(provider, stream_usage=True)
        | StrOutputParser()
    )


def failing_model(provider: Provider) -> None:
    provider.script.append(Reply(status=400, body={"error": {"message": "no"}}))
    with contextlib.suppress(Exception):
        chat(provider).invoke("Where?")


def failing_step(_: Provider) -> None:
    with contextlib.suppress(ValueError):
        (RunnableLambda(str) | RunnableLambda(refuse)).invoke(3)


def inside_a_context(provider: Provider) -> None:
    with groundtrace.context(session="s1", user="u1", metadata={"a": 1}):
        chat(provider).invoke("Where?", config={"metadata": {"b": 2}})


CONVERSATION = [
    HumanMessage("Weather?"),
    AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Bern"}, "id": "c1"}]),
    ToolMessage("sunny", tool_call_id="c1"),
]
PARTS: Any = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "https://example.org/bern.png"}},
]
CALL: Any = {"type": "tool_call", "id": "c1", "name": "weather", "args": {"city": "Bern"}}
TAGGED: Any = {"metadata": {"session_id": "s1", "k": 1}, "tags": ["t"]}
QUESTION = "capital of France?"

CASES: dict[str, Callable[[Provider], Any]] = {
    "chat": lambda provider: chat(provider).invoke(
        [SystemMessage("Be brief."), HumanMessage("Where?", name="ada")]
    ),
    "tagged": lambda provider: chat(provider).invoke("Where?", config=TAGGED),
    "context": inside_a_context,
    "tools": lambda provider: chat(provider).bind_tools([weather]).invoke(CONVERSATION),
    "parts": lambda provider: chat(provider).invoke([HumanMessage(PARTS)]),
    "responses": lambda provider: chat(provider, use_responses_api=True).invoke("Where?"),
    "completion": lambda provider: completing(provider).invoke("Where?"),
    "tool": lambda _: weather.invoke({"city": "Bern"}),
    "tool-call": lambda _: weather.invoke(CALL),
    "stream": lambda provider: list(chat(provider, stream_usage=True).stream("Where?")),
    "retriever": lambda _: parts.fact_store().as_retriever().invoke(QUESTION),
    "chain": lambda provider: chain(provider).invoke(QUESTION),
    "chain-stream": lambda provider: list(chain(provider).stream(QUESTION)),
    "batch": lambda provider: chain(provider).batch([QUESTION, QUESTION]),
    "async": lambda provider: asyncio.run(chain(provider).ainvoke(QUESTION)),
    "async-batch": lambda provider: asyncio.run(chain(provider).abatch([QUESTION, QUESTION])),
    "error-of-a-step": failing_step,
    "error-of-the-model": failing_model,
    "embeddings": lambda _: DeterministicFakeEmbedding(size=3).embed_query("Bern"),
}


@functools.cache
def told(case: str) -> Difference:
    """What differs in one case; each is asked once."""
    with serving() as provider:
        return compared(
            theirs.LangChainInstrumentor(), LangChainInstrumentor(), lambda: CASES[case](provider)
        )


@pytest.mark.parametrize("case", CASES)
def test_attributes_are_the_same(case: str) -> None:
    found = told(case)

    assert found.less == set()
    assert found.other == {}
    assert found.more - set(MORE) == set()


def test_the_list_of_what_is_more_is_not_too_long() -> None:
    found = [told(case) for case in CASES]

    assert set().union(*(difference.more for difference in found)) == set(MORE)
