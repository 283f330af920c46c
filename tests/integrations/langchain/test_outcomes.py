# ruff: noqa: ARG001, ARG002 - LangChain's interfaces name the arguments
"""How runs end: errors, cancelled tasks, streams that nobody reads on, faults of our own."""

import asyncio
import gc
import logging
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from groundtrace_integrations.langchain import LangChainInstrumentor, documents, models
from groundtrace_integrations.langchain.runs import RunMap
from tests.integrations.langchain.parts import fact_store, prompt, rag_chain, streaming_model
from tests.span_recorder import SpanRecorder


def _failing(_: Any) -> Any:
    raise ValueError("no such city")


async def _sleeping(_: Any) -> None:
    await asyncio.sleep(30)


class FailingRetriever(BaseRetriever):
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        raise ConnectionError("store away")


class HangingRetriever(BaseRetriever):
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        raise NotImplementedError

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        await asyncio.sleep(30)
        return []


@tool
def failing_tool(city: str) -> str:
    """Fail."""
    raise LookupError(city)


def test_error_reaches_the_app_and_every_span_on_its_way(traced: SpanRecorder) -> None:
    with pytest.raises(ValueError, match="no such city"):
        (RunnableLambda(str.strip) | RunnableLambda(_failing)).invoke("x")

    root, fine, failed = traced.all()
    assert [span.status.name for span in (root, fine, failed)] == ["ERROR", "OK", "ERROR"]
    assert root.attributes["error.type"] == failed.attributes["error.type"] == "ValueError"
    assert root.span.status.description == "ValueError: no such city"
    assert root.attributes["input.value"] == "x"


def test_traceback_is_on_the_innermost_span_only(traced: SpanRecorder) -> None:
    with pytest.raises(ValueError, match="no such city"):
        (RunnableLambda(str.strip) | RunnableLambda(_failing)).invoke("x")

    root, _, failed = traced.all()
    assert failed.event_names == ["exception"]
    assert root.event_names == []


@pytest.mark.parametrize(
    ("step", "value", "error"),
    [
        pytest.param(FailingRetriever(), "q", ConnectionError, id="retriever"),
        pytest.param(failing_tool, {"city": "x"}, LookupError, id="tool"),
        pytest.param(
            FakeListChatModel(responses=["ab"], error_on_chunk_number=0), "q", Exception, id="stream"
        ),
    ],
)
def test_failing_steps_are_errors(
    traced: SpanRecorder, step: Any, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        list(step.stream(value))

    span = traced.one()
    assert span.status.name == "ERROR"
    assert span.event_names == ["exception"]


def test_fallback_after_an_error_leaves_the_root_fine(traced: SpanRecorder) -> None:
    chain = RunnableLambda(_failing).with_fallbacks([RunnableLambda(lambda _: "fallback")])

    assert chain.invoke("x") == "fallback"

    root = traced.roots()[0]
    assert (root.status.name, root.attributes["output.value"]) == ("OK", "fallback")
    assert traced.named("_failing").status.name == "ERROR"


def test_retries_are_numbered(traced: SpanRecorder) -> None:
    attempts = []

    def flaky(value: str) -> str:
        attempts.append(value)
        if len(attempts) < 3:
            raise TimeoutError("slow")
        return value

    RunnableLambda(flaky).with_retry(wait_exponential_jitter=False).invoke("x")

    tried = [
        span for span in traced.all() if span.name == "flaky" and span.parent_id is not None
    ] or traced.all()
    numbered = [span.attributes.get("groundtrace.retry.attempt") for span in tried]
    assert numbered == [None, 2, 3]
    assert [span.status.name for span in tried] == ["ERROR", "ERROR", "OK"]


def test_stream_closed_early_is_fine_and_cancelled_with_what_arrived(traced: SpanRecorder) -> None:
    stream: Any = streaming_model("one two three").stream("hi")
    arrived = [next(stream).content, next(stream).content]
    assert arrived == ["one", " "]
    stream.close()

    span = traced.one()
    assert span.status.name == "OK"
    assert span.attributes["groundtrace.cancelled"] is True
    # Older versions leave the last chunk out.
    assert span.attributes["llm.output_messages.0.message.content"] in {"one", "one "}
    assert span.event_names == ["First Token Stream Event"]


def test_chain_stream_closed_early_is_fine_and_cancelled(traced: SpanRecorder) -> None:
    stream: Any = (prompt() | streaming_model() | StrOutputParser()).stream({"context": "c", "question": "q"})
    next(stream)
    stream.close()
    del stream
    gc.collect()

    assert {span.status.name for span in traced.all()} == {"OK"}
    assert traced.roots()[0].attributes["groundtrace.cancelled"] is True


def test_stream_that_is_dropped_unread_ends(traced: SpanRecorder) -> None:
    stream = streaming_model().stream("hi")
    next(stream)
    del stream
    gc.collect()

    assert traced.one().attributes["groundtrace.cancelled"] is True


async def test_async_stream_closed_early_is_fine_and_cancelled(traced: SpanRecorder) -> None:
    stream = streaming_model("one two three").astream("hi")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]

    span = traced.one()
    assert (span.status.name, span.attributes["groundtrace.cancelled"]) == ("OK", True)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(HangingRetriever(), id="retriever"),
        pytest.param(RunnableLambda(_sleeping), id="chain"),
    ],
)
async def test_cancelled_task_is_no_error(traced: SpanRecorder, step: Any) -> None:
    task = asyncio.create_task(step.ainvoke("x"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert {span.status.name for span in traced.all()} == {"OK"}
    assert traced.roots()[0].attributes["groundtrace.cancelled"] is True


@pytest.mark.parametrize("thrown", [KeyError("thrown in"), RuntimeError("thrown in")])
def test_exception_thrown_into_a_stream_comes_out_as_it_was(traced: SpanRecorder, thrown: Exception) -> None:
    stream: Any = streaming_model().stream("hi")
    next(stream)

    with pytest.raises(type(thrown), match="thrown in"):
        stream.throw(thrown)

    assert traced.one().status.name == "ERROR"


def test_a_fault_of_ours_costs_the_app_nothing(
    traced: SpanRecorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(models, "input_message_attributes", broken)
    monkeypatch.setattr(models, "response_attributes", broken)
    monkeypatch.setattr(documents, "document_attributes", broken)
    chain = rag_chain()
    traced.clear()
    with caplog.at_level(logging.ERROR):
        answers = [chain.invoke("capital?") for _ in range(3)]

    assert answers == ["Paris, by the context."] * 3
    assert len(traced.roots()) == 3
    assert len([span for span in traced.all() if span.kind == "LLM"]) == 3
    assert 1 <= len(caplog.records) <= 3  # once a place, not once a call


def test_runs_whose_end_is_never_told_make_room(traced: SpanRecorder) -> None:
    tracer: Any = LangChainInstrumentor()._call_tracer
    tracer.runs = RunMap(tracer._abandon, limit=2)
    streams = [streaming_model().stream("hi") for _ in range(3)]
    for stream in streams:
        next(stream)

    assert len(tracer.runs) == 2
    assert traced.one().attributes["groundtrace.cancelled"] is True
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]
    assert len(traced.all()) == 3


def test_values_that_cannot_be_shown_are_no_error(traced: SpanRecorder) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no comparison")

        __hash__ = None  # type: ignore[assignment]

    odd = Odd()

    assert RunnableLambda(lambda value: value).invoke({"input": odd, "again": odd})["input"] is odd

    assert traced.one().status.name == "OK"


def test_store_without_hits_gives_an_empty_list(traced: SpanRecorder) -> None:
    store = fact_store()
    traced.clear()

    assert store.as_retriever(search_kwargs={"filter": lambda _: False}).invoke("q") == []

    assert traced.of_kind("RETRIEVER")[0].document_ids == []
