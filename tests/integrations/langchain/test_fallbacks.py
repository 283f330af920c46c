# ruff: noqa: ARG002 - LangChain's interfaces name the arguments
"""``with_fallbacks``: what is tried after the first failed is marked, and only that."""

from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field

from tests.integrations.langchain.test_nesting import WAYS, call
from tests.span_recorder import SpanRecorder


class AwayModel(FakeListChatModel):
    """A model whose provider is away."""

    responses: list[str] = Field(default=["never"])

    def _call(self, *args: Any, **kwargs: Any) -> str:
        raise ConnectionError("away")

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("away")

    async def _astream(self, *args: Any, **kwargs: Any) -> Any:
        for word in self.responses:
            raise ConnectionError(f"away: {word}")
            yield  # type: ignore[unreachable] # makes it a generator


def answering() -> Runnable[Any, Any]:
    return AwayModel().with_fallbacks([FakeListChatModel(responses=["here"])])


# In a batch LangChain lets the first failure through.
@pytest.mark.parametrize("way", [way for way in WAYS if "batch" not in way])
async def test_the_model_that_answers_instead_is_marked(traced: SpanRecorder, way: str) -> None:
    await call(way, ChatPromptTemplate.from_template("{question}") | answering(), {"question": "Where?"})

    away, here = traced.of_kind("LLM")
    assert (away.status.name, here.status.name) == ("ERROR", "OK")
    assert "groundtrace.fallback" not in away.attributes
    assert here.attributes["groundtrace.fallback"] is True
    assert len(traced.trace_ids()) == 1
    assert traced.roots()[0].status.name == "OK"


def test_where_the_first_answers_nothing_is_marked(traced: SpanRecorder) -> None:
    RunnableLambda(str.upper).with_fallbacks([RunnableLambda(str.lower)]).invoke("Where?")

    assert not any("groundtrace.fallback" in span.attributes for span in traced.all())


def test_each_fallback_that_is_tried_is_marked(traced: SpanRecorder) -> None:
    def away(_: Any) -> Any:
        raise ConnectionError("away")

    chain = RunnableLambda(away).with_fallbacks([RunnableLambda(away), RunnableLambda(str.lower)])
    chain.invoke("Where?")

    tried = [span for span in traced.all() if span.parent_id is not None]
    assert [span.attributes.get("groundtrace.fallback") for span in tried] == [None, True, True]


def test_retries_of_a_model_are_numbered(traced: SpanRecorder) -> None:
    with pytest.raises(ConnectionError):
        AwayModel().with_retry(stop_after_attempt=3, wait_exponential_jitter=False).invoke("Where?")

    assert [span.attributes.get("groundtrace.retry.attempt") for span in traced.of_kind("LLM")] == [
        None,
        2,
        3,
    ]
    assert len(traced.trace_ids()) == 1
