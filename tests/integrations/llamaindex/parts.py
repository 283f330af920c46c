# ruff: noqa: ARG002, FBT001, FBT002 - LlamaIndex's interfaces name the arguments
"""The parts of a real LlamaIndex app, small enough to know what each must give."""

import hashlib
from collections.abc import Sequence
from typing import Any

from llama_index.core import Settings, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    LLMMetadata,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import PrivateAttr

# The default tokenizer is a download.
Settings.tokenizer = str.split

ANSWER = "Paris, by the context."
FACTS = {
    "fact-paris": "Paris is the capital of France.",
    "fact-rome": "Rome is the capital of Italy.",
    "fact-bern": "Bern is the seat of Swiss government.",
    "fact-tea": "Tea is brewed with water.",
}
QUESTION = "What is the capital of France?"


class WordEmbedding(BaseEmbedding):
    """Counts of hashed words: alike texts share words."""

    model_name: str = "words"

    def _get_query_embedding(self, query: str) -> list[float]:
        vector = [0.0] * 64
        for word in query.lower().replace(".", "").replace("?", "").split():
            vector[hashlib.sha256(word.encode()).digest()[0] % 64] += 1.0
        return vector

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_query_embedding(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


class OverlapReranker(BaseNodePostprocessor):
    """Orders nodes by the words they share with the query, and changes their scores in place."""

    model: str = "overlap"
    top_n: int = 1

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        asked = set(query_bundle.query_str.lower().strip("?").split()) if query_bundle else set()
        for node in nodes:
            node.score = float(len(asked & set(node.node.get_content().lower().strip(".").split())))
        return sorted(nodes, key=lambda node: -(node.score or 0))[: self.top_n]


class SayingLLM(CustomLLM):
    """A chat model that says the same to everything, word by word where a stream is wanted."""

    model: str = "saying"
    said: str = ANSWER
    _fails: Exception | None = PrivateAttr(default=None)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model, is_chat_model=True)

    def failing(self, error: Exception) -> "SayingLLM":
        self._fails = error
        return self

    def _answer(self, text: str) -> ChatResponse:
        if self._fails is not None:
            raise self._fails
        usage = {"prompt_tokens": 21, "completion_tokens": 8, "total_tokens": 29}
        raw = {"model": "saying-2026", "usage": usage, "choices": [{"finish_reason": "stop"}]}
        return ChatResponse(message=ChatMessage(role="assistant", content=text), raw=raw)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._answer(self.said)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._answer(self.said)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        def words() -> ChatResponseGen:
            text = ""
            for word in self.said.split(" "):
                delta = word if not text else f" {word}"
                text += delta
                answer = self._answer(text)
                answer.delta = delta
                yield answer

        return words()

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        async def words() -> ChatResponseAsyncGen:
            text = ""
            for word in self.said.split(" "):
                delta = word if not text else f" {word}"
                text += delta
                answer = self._answer(text)
                answer.delta = delta
                yield answer

        return words()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(
            text=self.said, additional_kwargs={"prompt_tokens": 3, "completion_tokens": 2}
        )

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        def words() -> Any:
            yield CompletionResponse(text="Par", delta="Par")
            yield CompletionResponse(text="Paris", delta="is")

        return words()


def fact_index() -> VectorStoreIndex:
    nodes = [TextNode(id_=key, text=text, metadata={"page": 1}) for key, text in FACTS.items()]
    return VectorStoreIndex(nodes, embed_model=WordEmbedding())
