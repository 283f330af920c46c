# ruff: noqa: ARG001, ARG002 - fixtures, and LangChain's interfaces, name the arguments
"""LLM caches: a lookup is a span, and a model whose answer was stored was not called."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import RETURN_VAL_TYPE, BaseCache, InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.vectorstores import InMemoryVectorStore

import groundtrace
from tests.integrations.langchain.parts import WordEmbeddings
from tests.span_recorder import RecordedSpan, SpanRecorder

ASKED = "How long is the warranty of a kettle?"
ALIKE = "How long is the warranty of the kettle?"
OTHER = "What colour is the sky?"


class SemanticCache(BaseCache):
    """Finds answers by the likeness of their prompts in a vector store, as the ecosystem's caches do."""

    def __init__(self, score_threshold: float = 0.8) -> None:
        self.score_threshold = score_threshold
        self.store = InMemoryVectorStore(WordEmbeddings())
        self.answers: dict[str, RETURN_VAL_TYPE] = {}

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        for document, score in self.store.similarity_search_with_score(prompt, k=1):
            if score >= self.score_threshold:
                return self.answers[document.page_content]
        return None

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        self.store.add_texts([prompt])
        self.answers[prompt] = return_val

    def clear(self, **kwargs: Any) -> None:
        self.answers.clear()


class FailingCache(InMemoryCache):
    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        raise ConnectionError("the cache is down")


@pytest.fixture
def cache(request: pytest.FixtureRequest) -> Iterator[BaseCache]:
    cache: BaseCache = getattr(request, "param", InMemoryCache)()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


def chat_model() -> BaseChatModel:
    usage = {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25}
    answers = (AIMessage("Two years.", usage_metadata=usage, id=str(number)) for number in range(9))
    return GenericFakeChatModel(messages=answers)


def tokens(span: RecordedSpan) -> dict[str, Any]:
    return {key: value for key, value in span.attributes.items() if "token_count" in key or "usage" in key}


async def invoke(model: Any, asked: Any) -> None:
    model.invoke(asked)


async def ainvoke(model: Any, asked: Any) -> None:
    await model.ainvoke(asked)


@pytest.mark.parametrize("ask", [invoke, ainvoke])
async def test_a_stored_answer_is_a_hit_without_tokens(
    traced: SpanRecorder, cache: BaseCache, ask: Any
) -> None:
    model = chat_model()
    await ask(model, ASKED)
    await ask(model, ASKED)

    called, stored = traced.of_kind("LLM")
    assert tokens(called)["llm.token_count.total"] == 25
    assert tokens(stored) == {}
    assert stored.attributes["llm.output_messages.0.message.content"] == "Two years."
    assert [span.attributes["groundtrace.cache.hit"] for span in (called, stored)] == [False, True]
    missed, hit = traced.of_kind("CHAIN")
    assert (missed.name, missed.parent_id, hit.parent_id) == ("InMemoryCache", called.span_id, stored.span_id)
    assert [span.attributes["groundtrace.cache.hit"] for span in (missed, hit)] == [False, True]
    assert "groundtrace.cache.similarity" not in hit.attributes


@pytest.mark.parametrize("cache", [SemanticCache], indirect=True)
@pytest.mark.parametrize("ask", [invoke, ainvoke])
async def test_a_semantic_cache_tells_how_near_and_to_what(
    traced: SpanRecorder, cache: BaseCache, ask: Any
) -> None:
    model = chat_model()
    await ask(model, [SystemMessage("Be brief."), HumanMessage(ASKED)])
    await ask(model, [SystemMessage("Be brief."), HumanMessage(ALIKE)])

    hit = traced.of_kind("CHAIN")[-1]
    assert hit.name == "SemanticCache"
    assert hit.attributes["groundtrace.cache.hit"] is True
    assert 0.8 <= hit.attributes["groundtrace.cache.similarity"] < 1.0
    assert hit.attributes["groundtrace.cache.threshold"] == 0.8
    assert hit.attributes["groundtrace.cache.query"] == ASKED
    # The cache's search is no retrieval for the answer; its encoder is seen, inside the lookup.
    assert traced.of_kind("RETRIEVER") == []
    assert traced.of_kind("EMBEDDING")[-1].parent_id == hit.span_id


@pytest.mark.parametrize("cache", [SemanticCache], indirect=True)
def test_a_near_miss_says_how_near_it_was(traced: SpanRecorder, cache: BaseCache) -> None:
    model = FakeListLLM(responses=["Two years.", "Blue."])
    model.invoke(ASKED)
    traced.clear()
    model.invoke(OTHER)

    (missed,) = traced.of_kind("CHAIN")
    assert missed.attributes["groundtrace.cache.hit"] is False
    assert missed.attributes["groundtrace.cache.similarity"] < 0.8
    assert "groundtrace.cache.query" not in missed.attributes
    assert len(traced.of_kind("LLM")) == 1


@pytest.mark.parametrize("ask", [invoke, ainvoke])
async def test_a_completion_models_stored_answer_is_a_lookup_and_no_call(
    traced: SpanRecorder, cache: BaseCache, ask: Any
) -> None:
    model = FakeListLLM(responses=["Two years."])
    await ask(model, ASKED)
    traced.clear()
    await ask(model, ASKED)

    span = traced.one()
    assert span.name == "InMemoryCache"
    assert span.attributes["groundtrace.cache.hit"] is True
    assert (span.attributes["input.value"], span.attributes["output.value"]) == (ASKED, "Two years.")


@pytest.mark.parametrize("cache", [FailingCache], indirect=True)
def test_a_cache_that_fails_does_so_to_the_app_and_on_its_span(
    traced: SpanRecorder, cache: BaseCache
) -> None:
    with pytest.raises(ConnectionError, match="the cache is down"):
        chat_model().invoke(ASKED)

    (lookup,) = traced.of_kind("CHAIN")
    assert lookup.attributes["error.type"] == "ConnectionError"
    assert "groundtrace.cache.hit" not in lookup.attributes


@pytest.mark.parametrize("cache", [SemanticCache], indirect=True)
def test_without_content_no_question_is_told(
    spans: SpanRecorder, cache: BaseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    groundtrace.instrument(only=["langchain"], content="ids")
    try:
        model = FakeListLLM(responses=["Two years."])
        model.invoke(ASKED)
        model.invoke(ALIKE)
    finally:
        groundtrace.uninstrument()

    hit = spans.of_kind("CHAIN")[-1]
    assert hit.attributes["groundtrace.cache.hit"] is True
    assert hit.attributes["groundtrace.cache.similarity"] > 0.8
    assert not any("kettle" in str(value) for span in spans.all() for value in span.attributes.values())
