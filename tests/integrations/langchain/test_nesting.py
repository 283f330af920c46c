# ruff: noqa: ARG001, ARG002 - LangChain's interfaces name the arguments
"""One trace a request whatever way it is called, other spans inside, and nothing left behind."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from opentelemetry import trace
from opentelemetry.context import get_current
from pydantic import Field

from groundtrace_integrations.langchain import get_ancestor_spans, get_current_span
from tests.integrations.langchain.parts import WordEmbeddings, fact_store, rag_chain, streaming_model
from tests.span_recorder import SpanRecorder


def client_span() -> None:
    """What another instrumentor does inside a provider's client."""
    trace.get_tracer("client").start_span("client call").end()


def calling_client(value: str) -> str:
    client_span()
    return value


class ClientModel(FakeListChatModel):
    """A chat model whose client is instrumented by somebody else."""

    responses: list[str] = Field(default=["ok"])

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        client_span()
        return super()._generate(*args, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        client_span()
        for word in ("o", "k"):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        client_span()
        for word in ("o", "k"):
            await asyncio.sleep(0)
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))


class ClientRetriever(BaseRetriever):
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        client_span()
        return []


class ClientEmbeddings(WordEmbeddings):
    def embed_query(self, text: str) -> list[float]:
        client_span()
        return super().embed_query(text)


@tool
def client_tool(city: str) -> str:
    """Ask a service."""
    client_span()
    return city


async def _drain(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass


async def call(way: str, runnable: Runnable[Any, Any], value: Any) -> None:
    """Call ``runnable`` once in one of the ways that LangChain has."""
    match way:
        case "invoke":
            runnable.invoke(value)
        case "ainvoke":
            await runnable.ainvoke(value)
        case "batch":
            runnable.batch([value])
        case "abatch":
            await runnable.abatch([value])
        case "stream":
            list(runnable.stream(value))
        case "astream":
            await _drain(runnable.astream(value))
        case "thread":
            thread = threading.Thread(target=runnable.invoke, args=(value,))
            thread.start()
            thread.join()


WAYS = ["invoke", "ainvoke", "batch", "abatch", "stream", "astream", "thread"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("step", "value", "kind"),
    [
        pytest.param(ClientModel(), "hi", "LLM", id="model"),
        pytest.param(ClientRetriever(), "hi", "RETRIEVER", id="retriever"),
        pytest.param(RunnableLambda(calling_client), "hi", "CHAIN", id="lambda"),
        pytest.param(client_tool, {"city": "Bern"}, "TOOL", id="tool"),
        pytest.param(
            RunnableLambda(lambda text: ClientEmbeddings().embed_query(text)), "hi", "EMBEDDING", id="encoder"
        ),
    ],
)
async def test_a_clients_span_hangs_on_the_step_that_calls_it(
    traced: SpanRecorder, way: str, step: Runnable[Any, Any], value: Any, kind: str
) -> None:
    await call(way, step, value)

    client = traced.named("client call")
    (caller,) = [span for span in traced.all() if span.span_id == client.parent_id]
    assert caller.kind == kind
    assert len(traced.trace_ids()) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_one_trace_and_one_span_a_step_in_every_way_of_calling(traced: SpanRecorder, way: str) -> None:
    chain = rag_chain(ClientModel())
    traced.clear()

    await call(way, chain, "What is the capital of France?")

    assert len(traced.trace_ids()) == 1
    assert len(traced.roots()) == 1
    assert len(traced.of_kind("LLM")) == 1
    (retriever,) = traced.of_kind("RETRIEVER")
    (embedding,) = traced.of_kind("EMBEDDING")
    assert embedding.parent_id == retriever.span_id
    assert retriever.document_ids == ["fact-paris", "fact-rome"]
    assert traced.roots()[0].attributes["output.value"] == "ok"
    assert traced.roots()[0].attributes["input.value"] == "What is the capital of France?"


def test_a_batch_is_a_trace_each(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    chain.batch(["one", "two", "three"])

    assert len(traced.trace_ids()) == len(traced.roots()) == 3
    for root in traced.roots():
        own = [span for span in traced.all() if span.trace_id == root.trace_id]
        assert sorted(span.kind or "" for span in own).count("LLM") == 1
        assert len(own) == 10


def test_the_apps_own_span_inside_a_step_holds_what_it_calls(traced: SpanRecorder) -> None:
    def ask(question: str) -> list[Document]:
        with trace.get_tracer("app").start_as_current_span("app's own"):
            return fact_store().as_retriever().invoke(question)

    RunnableLambda(ask).invoke("capital?")

    own = traced.named("app's own")
    assert own.parent_id == traced.roots()[0].span_id
    assert [span.parent_id for span in traced.of_kind("RETRIEVER")] == [own.span_id]


def test_config_handed_to_another_thread_keeps_the_trace(traced: SpanRecorder) -> None:
    def ask(question: str, config: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:  # carries no context
            return pool.submit(fact_store().as_retriever().invoke, question, config).result()

    store_traces = traced.trace_ids()
    RunnableLambda(ask).invoke("capital?")

    (retriever,) = traced.of_kind("RETRIEVER")
    (root,) = [span for span in traced.roots() if span.name == "ask"]
    assert retriever.parent_id == root.span_id
    assert store_traces == set()


def test_current_and_ancestor_spans_are_those_of_the_running_step(traced: SpanRecorder) -> None:
    seen: dict[str, Any] = {}

    def look(value: str) -> str:
        seen["current"], seen["ancestors"] = get_current_span(), get_ancestor_spans()
        seen["otel"] = trace.get_current_span()
        return value

    (RunnableLambda(str.strip) | RunnableLambda(look)).invoke("x")

    assert seen["current"].name == "look"
    assert seen["otel"] is seen["current"]
    assert [span.name for span in seen["ancestors"]] == ["RunnableSequence"]
    assert get_current_span() is None
    assert get_ancestor_spans() is None


def _failing(_: Any) -> Any:
    raise ValueError("on purpose")


@pytest.mark.verify
async def test_a_thousand_mixed_calls_leave_no_context_behind(traced: SpanRecorder) -> None:
    chain = rag_chain(ClientModel())
    broken = RunnableLambda(str.strip) | RunnableLambda(_failing)
    dice = random.Random(1)  # noqa: S311 - no secret
    before = get_current()

    async def one(number: int) -> None:
        inside = get_current()
        way = dice.choice([*WAYS, "early", "aearly", "error", "cancel"])
        if way == "early":
            stream: Any = chain.stream("q")
            next(stream)
            stream.close()
        elif way == "aearly":
            astream: Any = streaming_model().astream("q")
            await anext(astream)
            await astream.aclose()
        elif way == "error":
            with pytest.raises(ValueError, match="on purpose"):
                await broken.ainvoke("q")
        elif way == "cancel":
            task = asyncio.create_task(RunnableLambda(_sleeping).ainvoke("q"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            await call(way, chain, f"question {number}")
        assert get_current() is inside, way

    for start in range(0, 1_000, 10):
        await asyncio.gather(*(one(start + offset) for offset in range(10)))
        traced.clear()
    assert get_current() is before
    assert not trace.get_current_span().get_span_context().is_valid

    await call("ainvoke", chain, "the last")
    assert len(traced.trace_ids()) == 1
    assert traced.roots()[0].attributes["input.value"] == "the last"


async def _sleeping(value: str) -> str:
    await asyncio.sleep(30)
    return value


def test_no_context_is_left_in_worker_threads(traced: SpanRecorder) -> None:
    chain = rag_chain(ClientModel())

    def work(number: int) -> bool:
        before = get_current()
        chain.invoke(f"question {number}")
        list(chain.stream(f"question {number}"))
        return get_current() is before and not trace.get_current_span().get_span_context().is_valid

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(40)))
    assert len(traced.trace_ids()) == 81  # and the indexing
