"""LlamaIndex above OpenAI's client, both instrumented: one trace, each call once, in every way of calling.

``llama-index-llms-openai`` wants openai 2 and is installed by `make verify` only; a model of the app's
own over the client is the same to both instrumentors, and runs always.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from llama_index.core import Settings
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseGen
from llama_index.core.llms.callbacks import llm_chat_callback

from groundtrace_integrations.openai import OpenAIInstrumentor
from tests.integrations.llamaindex.parts import QUESTION, SayingLLM, fact_index
from tests.integrations.provider_stub import ANSWER, Provider
from tests.span_recorder import SpanRecorder


class ClientLLM(SayingLLM):
    """A model of the app's own over OpenAI's client."""

    client: Any
    aclient: Any

    def _asked(self, messages: Any, **changes: Any) -> dict[str, Any]:
        asked = [{"role": m.role.value, "content": m.content} for m in messages]
        return {"model": self.model, "messages": asked, **changes}

    @llm_chat_callback()
    def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:  # noqa: ARG002
        raw = self.client.chat.completions.create(**self._asked(messages))
        return ChatResponse(
            message=ChatMessage(role="assistant", content=raw.choices[0].message.content), raw=raw
        )

    @llm_chat_callback()
    async def achat(self, messages: Any, **kwargs: Any) -> ChatResponse:  # noqa: ARG002
        raw = await self.aclient.chat.completions.create(**self._asked(messages))
        return ChatResponse(
            message=ChatMessage(role="assistant", content=raw.choices[0].message.content), raw=raw
        )

    @llm_chat_callback()
    def stream_chat(self, messages: Any, **kwargs: Any) -> ChatResponseGen:  # noqa: ARG002
        def words() -> ChatResponseGen:
            text = ""
            for chunk in self.client.chat.completions.create(**self._asked(messages, stream=True)):
                delta = chunk.choices[0].delta.content or ""
                text += delta
                yield ChatResponse(
                    message=ChatMessage(role="assistant", content=text), delta=delta, raw=chunk
                )

        return words()


class ClientEmbedding(BaseEmbedding):
    """An encoder of the app's own over OpenAI's client."""

    client: Any

    def _get_query_embedding(self, query: str) -> list[float]:
        return list(self.client.embeddings.create(model=self.model_name, input=query).data[0].embedding)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_query_embedding(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


@pytest.fixture(autouse=True)
def both(traced: SpanRecorder) -> Iterator[None]:
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=traced.provider, skip_dep_check=True)
    yield
    instrumentor.uninstrument()


def own_model(provider: Provider) -> Any:
    at: dict[str, Any] = {"api_key": "sk-test", "base_url": provider.url}
    return ClientLLM(model="gpt", client=openai.OpenAI(**at), aclient=openai.AsyncOpenAI(**at))


def their_model(provider: Provider) -> Any:
    theirs: Any = pytest.importorskip("llama_index.llms.openai")
    return theirs.OpenAI(model="gpt-4o-mini", api_key="sk-test", api_base=provider.url)


def query(engine: Any) -> str:
    return str(engine.query(QUESTION))


def aquery(engine: Any) -> str:
    return str(asyncio.run(engine.aquery(QUESTION)))


def thread(engine: Any) -> str:
    said: list[str] = []
    worker = threading.Thread(target=lambda: said.append(query(engine)))
    worker.start()
    worker.join()
    return said[0]


def stream(engine: Any) -> str:
    return "".join(engine.query(QUESTION).response_gen)


@pytest.mark.parametrize("model", [own_model, their_model])
@pytest.mark.parametrize("way", [query, aquery, thread, stream])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_query_is_one_trace_with_the_model_called_once(
    traced: SpanRecorder, provider: Provider, model: Callable[[Provider], Any], way: Callable[[Any], str]
) -> None:
    engine = fact_index().as_query_engine(llm=model(provider), streaming=way is stream)
    traced.clear()
    provider.asked.clear()

    assert way(engine) == ANSWER

    assert len(provider.asked) == 1
    assert len(traced.of_kind("LLM")) == len(traced.roots()) == len(traced.trace_ids()) == 1
    (call,) = traced.of_kind("LLM")
    assert call.attributes["llm.output_messages.0.message.content"] == ANSWER
    if way is not stream:  # a stream tells its tokens only where the app asks for them
        assert call.attributes["llm.token_count.total"] == 29


def test_an_encoder_is_one_span_with_the_clients_tokens(traced: SpanRecorder, provider: Provider) -> None:
    client = openai.OpenAI(api_key="sk-test", base_url=provider.url)
    ClientEmbedding(model_name="e-small", client=client).get_query_embedding("one")

    span = traced.one()
    assert span.name == "ClientEmbedding.get_query_embedding"
    assert span.attributes["llm.token_count.prompt"] == 5


def test_their_own_completion_is_one_span(traced: SpanRecorder, provider: Provider) -> None:
    model = their_model(provider)
    model.complete("Where?")

    span = traced.one()
    assert (span.name, len(provider.asked)) == ("OpenAI.complete", 1)
    assert Settings.tokenizer is str.split
