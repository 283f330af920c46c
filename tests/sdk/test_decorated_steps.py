"""Steps as decorators: sync, async, generators, and what the context is afterwards."""
# ruff: noqa: ARG001 - the arguments are there to be seen by the decorator

import asyncio
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, assert_type

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import StatusCode

import groundtrace
from groundtrace import Document
from groundtrace.passages import text_id
from tests.span_recorder import SpanRecorder

# --- arguments and results


def test_bare_decorator_names_the_span_after_the_function(spans: SpanRecorder) -> None:
    @groundtrace.retriever
    def search(query: str, k: int = 3) -> list[Document]:
        return [Document(id=query, score=float(k))]

    assert search("cats", k=2) == [Document(id="cats", score=2.0)]

    span = spans.one()
    assert span.name == "search"
    assert span.attributes["input.value"] == "cats"
    assert span.document_ids == ["cats"]


def test_signature_and_docs_are_kept() -> None:
    @groundtrace.chain("answer")
    def answer(question: str, *, style: str = "short") -> str:
        """Answer it."""
        return question + style

    assert inspect.signature(answer) == inspect.signature(inspect.unwrap(answer))
    assert answer.__doc__ == "Answer it."
    assert_type(answer("a", style="b"), str)


def test_methods_leave_self_out(spans: SpanRecorder) -> None:
    class Engine:
        @groundtrace.chain
        def run(self, a: int, b: int) -> int:
            return a + b

    assert Engine().run(1, b=2) == 3
    assert spans.one().attributes["input.value"] == '{"a":1,"b":2}'
    assert spans.one().attributes["output.value"] == "3"


class Langchainlike:
    def __init__(self, id: str | None, page_content: str, metadata: dict[str, Any]) -> None:  # noqa: A002
        self.id = id
        self.page_content = page_content
        self.metadata = metadata


@pytest.mark.parametrize(
    ("result", "ids", "scores", "contents"),
    [
        pytest.param([Document(id="a", score=1.0)], ["a"], [1.0], [None], id="documents"),
        pytest.param([{"_id": 7, "text": "x", "_score": 0.5}], ["7"], [0.5], ["x"], id="mappings"),
        pytest.param([(Langchainlike("a", "x", {}), 0.4)], ["a"], [0.4], ["x"], id="langchain-pairs"),
        pytest.param(
            [Langchainlike(None, "x", {"doc_id": "m", "relevance_score": 0.3})],
            ["m"],
            [0.3],
            ["x"],
            id="id-and-score-in-metadata",
        ),
        pytest.param(
            [SimpleNamespace(node=SimpleNamespace(node_id="n", text="x", metadata={}), score=0.2)],
            ["n"],
            [0.2],
            ["x"],
            id="llamaindex",
        ),
        pytest.param(
            ["two words", "more words"],
            [text_id("two words"), text_id("more words")],
            [None, None],
            ["two words", "more words"],
            id="texts",
        ),
        pytest.param([("d1", 3), ("d2", 2)], ["d1", "d2"], [3.0, 2.0], [None, None], id="id-pairs"),
        pytest.param(([Document(id="a")], [0.9]), ["a"], [0.9], [None], id="parallel-lists"),
        pytest.param({"documents": [{"id": "a"}]}, ["a"], [None], [None], id="wrapped"),
    ],
)
def test_documents_are_recognised(
    spans: SpanRecorder, result: object, ids: list[str], scores: list[float], contents: list[str]
) -> None:
    @groundtrace.retriever
    def search(query: str) -> object:
        return result

    assert search("q") is result
    span = spans.one()
    assert span.document_ids == ids
    assert span.document_scores == scores
    assert span.documents("retrieval.documents", "content") == contents
    assert "output.value" not in span.attributes


def test_a_result_that_holds_no_documents_is_an_output(spans: SpanRecorder) -> None:
    @groundtrace.retriever
    def search(query: str) -> dict[str, int]:
        return {"n": 3}

    search("q")
    assert spans.one().attributes["output.value"] == '{"n":3}'


@pytest.mark.parametrize(
    "result",
    [
        pytest.param([0.1, 0.9], id="scores-in-input-order"),
        pytest.param([(1, 0.9), (0, 0.1)], id="index-pairs"),
        pytest.param([{"corpus_id": 1, "score": 0.9}, {"corpus_id": 0, "score": 0.1}], id="corpus-ids"),
        pytest.param([Document(id="b", score=0.9), Document(id="a", score=0.1)], id="documents"),
    ],
)
def test_reranked_documents_are_recognised(spans: SpanRecorder, result: object) -> None:
    @groundtrace.reranker
    def rerank(query: str, documents: list[Document]) -> object:
        return result

    rerank("q", [Document(id="a"), Document(id="b")])

    span = spans.one()
    assert span.documents("reranker.input_documents", "id") == ["a", "b"]
    assert span.documents("reranker.output_documents", "id") == ["b", "a"]
    assert span.documents("reranker.output_documents", "score") == [0.9, 0.1]


def test_encoder_reads_texts_and_dimension(spans: SpanRecorder) -> None:
    @groundtrace.encoder(model="hash", version="1")
    def encode(texts: list[str]) -> list[list[float]]:
        return [[0.0] * 8 for _ in texts]

    encode(["a", "b", "c"])

    attributes = spans.one().attributes
    assert attributes["embedding.text_count"] == 3
    assert attributes["gen_ai.embeddings.dimension.count"] == 8


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            {
                "model": "m-2026",
                "choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
                "usage": {
                    "prompt_tokens": 12,
                    "completion_tokens": 3,
                    "prompt_tokens_details": {"cached_tokens": 8},
                },
            },
            id="openai",
        ),
        pytest.param(
            SimpleNamespace(
                model="m-2026",
                content=[SimpleNamespace(type="text", text="Hi")],
                stop_reason="stop",
                usage=SimpleNamespace(
                    input_tokens=4, output_tokens=3, cache_read_input_tokens=8, cache_creation_input_tokens=0
                ),
            ),
            id="anthropic",
        ),
        pytest.param(
            SimpleNamespace(
                content="Hi",
                usage_metadata={
                    "input_tokens": 12,
                    "output_tokens": 3,
                    "input_token_details": {"cache_read": 8},
                },
                response_metadata={"model_name": "m-2026", "finish_reason": "stop"},
            ),
            id="langchain",
        ),
    ],
)
def test_answer_and_tokens_are_read_from_a_client_reply(spans: SpanRecorder, reply: object) -> None:
    @groundtrace.llm(model="m")
    def complete(messages: list[dict[str, str]]) -> object:
        return reply

    complete([{"role": "user", "content": "Hello?"}])

    attributes = spans.one().attributes
    assert attributes["llm.input_messages.0.message.content"] == "Hello?"
    assert attributes["output.value"] == "Hi"
    assert attributes["llm.token_count.prompt"] == 12
    assert attributes["llm.token_count.completion"] == 3
    assert attributes["llm.token_count.prompt_details.cache_read"] == 8
    assert attributes["gen_ai.response.model"] == "m-2026"
    assert attributes["llm.finish_reason"] == "stop"


@pytest.mark.parametrize(("answer", "hit"), [("stored", True), (None, False)])
def test_a_cache_that_returns_none_missed(spans: SpanRecorder, answer: str | None, *, hit: bool) -> None:
    @groundtrace.cache
    def lookup(query: str) -> str | None:
        return answer

    lookup("q")
    assert spans.one().attributes["groundtrace.cache.hit"] is hit


def test_an_error_of_the_function_is_raised_unchanged(spans: SpanRecorder) -> None:
    fault = KeyError("index")

    @groundtrace.retriever
    def search(query: str) -> list[Document]:
        raise fault

    with pytest.raises(KeyError) as raised:
        search("q")

    assert raised.value is fault
    assert spans.one().status is StatusCode.ERROR


def test_a_result_that_cannot_be_read_reaches_the_app(
    spans: SpanRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")

    class Hostile:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    hostile = Hostile()

    @groundtrace.retriever
    def search(query: str) -> list[Hostile]:
        return [hostile]

    assert search("q") == [hostile]
    assert spans.one().status is StatusCode.OK


# --- async


async def test_coroutines_are_steps(spans: SpanRecorder) -> None:
    @groundtrace.retriever
    async def search(query: str) -> list[Document]:
        await asyncio.sleep(0)
        return [Document(id="a")]

    assert inspect.iscoroutinefunction(search)
    assert_type(await search("q"), list[Document])
    assert spans.one().document_ids == ["a"]


async def test_concurrent_requests_are_separate_traces(spans: SpanRecorder) -> None:
    @groundtrace.retriever
    async def search(query: str) -> list[Document]:
        await asyncio.sleep(0.001)
        return [Document(id=query)]

    @groundtrace.chain
    async def answer(question: str) -> str:
        await asyncio.gather(search(question), search(question))
        return question

    await asyncio.gather(*(answer(str(i)) for i in range(20)))

    assert len(spans.trace_ids()) == 20
    for root in spans.roots():
        assert [child.name for child in spans.children_of(root)] == ["search", "search"]


async def test_a_cancelled_coroutine_is_cancelled_not_failed(spans: SpanRecorder) -> None:
    @groundtrace.chain
    async def wait() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans.one().status is StatusCode.OK
    assert spans.one().attributes["groundtrace.cancelled"] is True


# --- streams


def test_a_stream_span_ends_with_the_stream(spans: SpanRecorder) -> None:
    @groundtrace.llm(model="m")
    def stream(prompt: str) -> Iterator[str]:
        yield "Hello "
        yield "world"

    chunks = stream("p")
    assert next(chunks) == "Hello "
    assert spans.all() == []
    assert list(chunks) == ["world"]

    span = spans.one()
    assert span.attributes["output.value"] == "Hello world"
    assert span.attributes["llm.output_messages.0.message.content"] == "Hello world"
    assert span.event_names == ["First Token Stream Event"]
    assert span.status is StatusCode.OK
    assert "groundtrace.cancelled" not in span.attributes


def test_a_stream_closed_early_is_ok_with_what_arrived(spans: SpanRecorder) -> None:
    @groundtrace.llm
    def stream(prompt: str) -> Iterator[str]:
        yield "Hello "
        yield "world"

    chunks = stream("p")
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]

    span = spans.one()
    assert span.status is StatusCode.OK
    assert span.attributes["groundtrace.cancelled"] is True
    assert span.attributes["output.value"] == "Hello "


def test_a_stream_that_fails_is_an_error_with_what_arrived(spans: SpanRecorder) -> None:
    @groundtrace.chain
    def stream() -> Iterator[str]:
        yield "Hello"
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError, match="cut"):
        list(stream())

    assert spans.one().status is StatusCode.ERROR
    assert spans.one().attributes["output.value"] == "Hello"


def test_generators_keep_send_throw_and_their_return_value(spans: SpanRecorder) -> None:
    @groundtrace.chain
    def talk() -> Any:
        heard = yield "ready"
        try:
            yield heard
        except LookupError:
            yield "caught"
        return "done"

    def outer() -> Any:
        return (yield from talk())

    conversation = outer()
    assert next(conversation) == "ready"
    assert conversation.send("hi") == "hi"
    assert conversation.throw(LookupError()) == "caught"
    with pytest.raises(StopIteration) as stop:
        next(conversation)
    assert stop.value.value == "done"
    assert spans.one().status is StatusCode.OK


def test_between_a_streams_items_the_caller_keeps_its_own_context(spans: SpanRecorder) -> None:
    inside: list[bool] = []

    @groundtrace.chain
    def stream() -> Iterator[int]:
        with groundtrace.tool("inner") as inner:
            for i in range(3):
                inside.append(trace.get_current_span() is inner.span)
                yield i

    before = otel_context.get_current()
    for _ in stream():
        assert otel_context.get_current() == before

    assert inside == [True, True, True]
    assert otel_context.get_current() == before
    assert spans.named("inner").parent_id == spans.named("stream").span_id


def test_a_stream_never_begun_leaves_no_open_span(spans: SpanRecorder) -> None:
    def stream() -> Iterator[int]:
        yield 1

    def returns_stream(prompt: str) -> Iterator[int]:
        return stream()

    wrapped = groundtrace.chain(returns_stream)
    wrapped("p")
    gc.collect()

    assert spans.one().attributes["groundtrace.cancelled"] is True


def test_a_stream_may_be_read_in_another_thread(
    spans: SpanRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    @groundtrace.chain
    def stream() -> Iterator[int]:
        with groundtrace.tool("inner"):
            yield 1
            yield 2

    numbers = stream()
    next(numbers)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(list, numbers).result() == [2]

    assert len(spans.all()) == 2
    assert not caplog.records


async def test_async_streams_end_with_the_stream(spans: SpanRecorder) -> None:
    @groundtrace.llm
    async def stream(prompt: str) -> AsyncIterator[str]:
        yield "Hello "
        await asyncio.sleep(0)
        yield "world"

    before = otel_context.get_current()
    chunks = []
    async for chunk in stream("p"):
        assert otel_context.get_current() == before
        chunks.append(chunk)

    assert chunks == ["Hello ", "world"]
    assert spans.one().attributes["output.value"] == "Hello world"
    assert spans.one().status is StatusCode.OK


async def test_async_streams_closed_early_are_ok_and_cancelled(spans: SpanRecorder) -> None:
    closed = []

    @groundtrace.llm
    async def stream(prompt: str) -> AsyncIterator[str]:
        try:
            yield "Hello "
            yield "world"
        finally:
            closed.append(True)

    chunks = stream("p")
    async for _ in chunks:
        break
    await chunks.aclose()  # type: ignore[attr-defined]

    assert closed == [True]
    assert spans.one().status is StatusCode.OK
    assert spans.one().attributes["groundtrace.cancelled"] is True
    assert spans.one().attributes["output.value"] == "Hello "


async def test_async_generators_keep_send_and_throw(spans: SpanRecorder) -> None:
    @groundtrace.chain
    async def talk() -> Any:
        heard = yield "ready"
        try:
            yield heard
        except LookupError:
            yield "caught"

    conversation = talk()
    assert await conversation.asend(None) == "ready"
    assert await conversation.asend("hi") == "hi"
    assert await conversation.athrow(LookupError()) == "caught"
    with pytest.raises(StopAsyncIteration):
        await conversation.asend(None)
    assert spans.one().status is StatusCode.OK


async def test_an_abandoned_async_stream_ends_without_noise(
    spans: SpanRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    @groundtrace.chain
    async def stream() -> AsyncIterator[int]:
        with groundtrace.tool("inner"):
            yield 1
            yield 2

    numbers = stream()
    await anext(numbers)
    del numbers
    gc.collect()
    await asyncio.sleep(0.01)

    assert {span.name for span in spans.all()} == {"stream", "inner"}
    assert not caplog.records


# --- no leaks


async def test_many_mixed_calls_leave_no_context_behind(spans: SpanRecorder) -> None:
    @groundtrace.retriever
    def search(query: str) -> list[Document]:
        return [Document(id="a")]

    @groundtrace.llm
    def stream(prompt: str) -> Iterator[str]:
        yield from ("a", "b", "c")

    @groundtrace.chain
    async def answer(question: str) -> None:
        await asyncio.to_thread(search, question)
        next(iter(stream(question)))

    before = otel_context.get_current()
    for i in range(100):
        search("q")
        list(stream("p"))
        await answer(str(i))
    threads = [threading.Thread(target=search, args=("q",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()

    assert otel_context.get_current() == before
    assert len(spans.all()) == 100 * 5 + 20
    assert len(spans.trace_ids()) == 100 * 3 + 20
