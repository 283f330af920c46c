"""LangChain above OpenAI's client, both instrumented: one trace, each call once, nothing left behind."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from opentelemetry.context import get_current

import groundtrace
from groundtrace_integrations.langchain import LangChainInstrumentor
from groundtrace_integrations.openai import OpenAIInstrumentor
from tests.integrations.provider_stub import ANSWER, Provider, serving
from tests.span_recorder import SpanRecorder


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


@pytest.fixture(params=["langchain-first", "openai-first"])
def traced(spans: SpanRecorder, request: pytest.FixtureRequest) -> Iterator[SpanRecorder]:
    instrumentors: list[Any] = [LangChainInstrumentor(), OpenAIInstrumentor()]
    if request.param == "openai-first":
        instrumentors.reverse()
    before = get_current()
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    try:
        yield spans
        assert get_current() is before
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()


def at(provider: Provider) -> dict[str, Any]:
    """Return the arguments that send a LangChain model to the stub."""
    return {"base_url": provider.url, "api_key": "sk-test"}


@pytest.fixture
def model(provider: Provider) -> ChatOpenAI:
    return ChatOpenAI(model="gpt", stream_usage=True, **at(provider))


@pytest.fixture
def embeddings(provider: Provider) -> OpenAIEmbeddings:
    return OpenAIEmbeddings(model="e-small", check_embedding_ctx_length=False, chunk_size=2, **at(provider))


@pytest.fixture
def chain(model: ChatOpenAI) -> Runnable[Any, str]:
    return ChatPromptTemplate.from_template("Answer: {question}") | model | StrOutputParser()


def assert_each_call_once(traced: SpanRecorder, provider: Provider, requests: int) -> None:
    assert len(provider.asked) == requests
    assert len(traced.of_kind("LLM")) == requests
    assert len(traced.trace_ids()) == requests
    assert len(traced.roots()) == requests
    for call in traced.of_kind("LLM"):
        assert call.name == "ChatOpenAI"
        assert call.attributes["llm.token_count.total"] == 29
        assert call.attributes["llm.output_messages.0.message.content"] == ANSWER


def invoke(chain: Runnable[Any, Any]) -> int:
    chain.invoke({"question": "Where?"})
    return 1


def batch(chain: Runnable[Any, Any]) -> int:
    return len(chain.batch([{"question": str(number)} for number in range(4)]))


def abatch(chain: Runnable[Any, Any]) -> int:
    return len(asyncio.run(chain.abatch([{"question": str(number)} for number in range(4)])))


def ainvoke(chain: Runnable[Any, Any]) -> int:
    asyncio.run(chain.ainvoke({"question": "Where?"}))
    return 1


def stream(chain: Runnable[Any, Any]) -> int:
    assert "".join(chain.stream({"question": "Where?"})) == ANSWER
    return 1


def astream(chain: Runnable[Any, Any]) -> int:
    async def read() -> str:
        return "".join([chunk async for chunk in chain.astream({"question": "Where?"})])

    assert asyncio.run(read()) == ANSWER
    return 1


def threads(chain: Runnable[Any, Any]) -> int:
    with ThreadPoolExecutor(4) as pool:
        return len(list(pool.map(chain.invoke, [{"question": str(number)} for number in range(8)])))


WAYS: list[Callable[[Runnable[Any, Any]], int]] = [invoke, ainvoke, batch, abatch, stream, astream, threads]


@pytest.mark.parametrize("way", WAYS)
def test_one_trace_a_request_and_the_model_call_once(
    traced: SpanRecorder,
    provider: Provider,
    chain: Runnable[Any, str],
    way: Callable[[Runnable[Any, Any]], int],
) -> None:
    assert_each_call_once(traced, provider, way(chain))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"use_responses_api": True}, id="responses-api"),
        pytest.param({"include_response_headers": True}, id="raw-responses"),
    ],
)
@pytest.mark.parametrize("way", [invoke, astream])
def test_whatever_the_framework_asks_by(
    traced: SpanRecorder, provider: Provider, changes: Any, way: Callable[[Runnable[Any, Any]], int]
) -> None:
    model = ChatOpenAI(model="gpt", stream_usage=True, **changes, **at(provider))

    assert way(ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()) == 1

    assert len(traced.of_kind("LLM")) == len(provider.asked) == 1


def test_legacy_models_are_told_once(traced: SpanRecorder, provider: Provider) -> None:
    model = OpenAI(model="davinci", **at(provider))
    model.invoke("Where?")

    assert [span.name for span in traced.all()] == ["OpenAI"]


def test_embeddings_are_told_once_with_the_tokens_of_all_their_requests(
    traced: SpanRecorder, provider: Provider, embeddings: OpenAIEmbeddings
) -> None:
    embeddings.embed_documents(["a", "b", "c", "d", "e"])

    span = traced.one()
    assert len(provider.asked) == 3
    assert span.name == "OpenAIEmbeddings"
    assert span.attributes["llm.token_count.prompt"] == span.attributes["gen_ai.usage.input_tokens"] == 25


async def test_async_embeddings_are_told_once(traced: SpanRecorder, embeddings: OpenAIEmbeddings) -> None:
    await embeddings.aembed_query("a")

    assert traced.one().attributes["llm.token_count.total"] == 5


def test_the_space_is_the_same_from_either_side(
    traced: SpanRecorder, provider: Provider, embeddings: OpenAIEmbeddings
) -> None:
    embeddings.embed_query("a")
    openai.OpenAI(api_key="sk", base_url=provider.url).embeddings.create(model="e-small", input="a")

    one, other = traced.all()
    assert one.attributes["embedding.fingerprint"] == other.attributes["embedding.fingerprint"]


def test_a_rag_chain_is_one_trace(
    traced: SpanRecorder, model: ChatOpenAI, embeddings: OpenAIEmbeddings
) -> None:
    store = InMemoryVectorStore(embeddings)
    store.add_texts(["Bern", "Basel"], ids=["b1", "b2"])
    traced.clear()
    chain = store.as_retriever() | RunnableLambda(str) | model

    chain.invoke("Where?")

    assert len(traced.trace_ids()) == 1
    assert [span.kind for span in traced.all()] == ["CHAIN", "RETRIEVER", "EMBEDDING", "CHAIN", "LLM"]


def test_the_apps_own_call_inside_a_chain_is_its_own_span(
    traced: SpanRecorder, provider: Provider, model: ChatOpenAI
) -> None:
    client = openai.OpenAI(api_key="sk", base_url=provider.url)

    def rewritten(question: str) -> str:
        reply = client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": question}])
        return reply.choices[0].message.content or ""

    (RunnableLambda(rewritten) | model).invoke("Where?")

    assert len(traced.trace_ids()) == 1
    assert [span.name for span in traced.of_kind("LLM")] == ["ChatCompletion", "ChatOpenAI"]
    assert traced.children_of(traced.named("rewritten")) == [traced.named("ChatCompletion")]


class Router(BaseChatModel):
    """A chat model of the app's own that asks two other models."""

    client: Any
    model_name: str = "router"

    @property
    def _llm_type(self) -> str:
        return "router"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        asked: Any = [{"role": "user", "content": str(messages[-1].content)}]
        for name in ("small", "large"):
            reply = self.client.chat.completions.create(model=name, messages=asked)
        message = AIMessage(content=reply.choices[0].message.content)
        return ChatResult(generations=[ChatGeneration(message=message)])


def test_other_models_that_a_model_asks_are_calls_of_their_own(
    traced: SpanRecorder, provider: Provider
) -> None:
    Router(client=openai.OpenAI(api_key="sk", base_url=provider.url)).invoke("Where?")

    assert [span.attributes.get("gen_ai.request.model") for span in traced.of_kind("LLM")] == [
        "router",
        "small",
        "large",
    ]
    assert len(traced.trace_ids()) == 1


@pytest.mark.parametrize("traced", ["langchain-first"], indirect=True)
async def test_mixed_calls_leave_no_context_behind(
    traced: SpanRecorder, provider: Provider, chain: Runnable[Any, Any], embeddings: OpenAIEmbeddings
) -> None:
    client = openai.OpenAI(api_key="sk", base_url=provider.url)
    aclient = openai.AsyncOpenAI(api_key="sk", base_url=provider.url)
    before, asked = get_current(), {"question": "Where?"}
    messages: Any = [{"role": "user", "content": "Where?"}]

    async def left_early() -> AsyncIterator[str]:
        async for chunk in chain.astream(asked):
            yield chunk
            return

    for number in range(100):
        with groundtrace.context(session=f"s{number}"):
            chain.invoke(asked)
            chain.batch([asked, asked])
            await chain.ainvoke(asked)
            next(iter(chain.stream(asked)))
            async for _ in left_early():
                pass
            client.chat.completions.create(model="gpt", messages=messages)
            client.chat.completions.create(model="gpt", messages=messages, stream=True).close()
            await aclient.chat.completions.create(model="gpt", messages=messages)
            embeddings.embed_query("Where?")
        assert get_current() is before
    await aclient.close()
    client.close()

    tracer: Any = LangChainInstrumentor()._call_tracer
    deadline = time.monotonic() + 10
    while len(tracer.runs) and time.monotonic() < deadline:
        gc.collect()  # the event loop closes the streams that were left
        await asyncio.sleep(0.01)
    assert len(tracer.runs) == 0
    # ten calls a round, each a trace of its own
    assert len(traced.trace_ids()) == len(provider.asked) == 1_000
    assert all("session.id" in span.attributes for span in traced.roots())
