# ruff: noqa: ARG002 - LlamaIndex's interfaces name the arguments
"""A LlamaIndex RAG app, traced by one line: index, retriever, reranker, model.

Run it offline as it is; with a collector running (`groundtrace serve`) its traces are at
http://127.0.0.1:4318. Swap the mock model for your own.

    python examples/llamaindex_rag.py "How long is the warranty?"
"""

import sys

from handbook import HANDBOOK, unit_vector
from llama_index.core import Settings, VectorStoreIndex
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

import groundtrace

ANSWER = "The warranty of a kettle is two years."
Settings.tokenizer = str.split  # LlamaIndex's default one is a download


class Trigrams(BaseEmbedding):
    """An encoder that needs no download."""

    model_name: str = "trigrams"

    def _get_query_embedding(self, query: str) -> list[float]:
        return unit_vector(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return unit_vector(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return unit_vector(query)


class SharedWords(BaseNodePostprocessor):
    """A reranker: the passages that share most words with the question."""

    model: str = "shared-words"
    top_n: int = 2

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        asked = set(query_bundle.query_str.lower().strip("?").split()) if query_bundle else set()
        for node in nodes:
            words = set(node.node.get_content().lower().strip(".").split())
            node.score = len(asked & words) / max(len(asked), 1)
        return sorted(nodes, key=lambda node: -(node.score or 0))[: self.top_n]


class OneAnswer(CustomLLM):
    """A model that needs no key, and knows one answer."""

    @property
    def metadata(self) -> LLMMetadata:
        """Say what the model is called."""
        return LLMMetadata(model_name="one-answer")

    @llm_completion_callback()
    def complete(self, prompt: str, **kwargs: object) -> CompletionResponse:
        """Return the answer."""
        return CompletionResponse(text=ANSWER)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, **kwargs: object) -> CompletionResponseGen:
        """Yield the answer in one piece."""
        yield CompletionResponse(text=ANSWER, delta=ANSWER)


def answering_engine() -> BaseQueryEngine:
    """Return question in, answer out."""
    nodes = [TextNode(id_=key, text=text) for key, text in HANDBOOK.items()]
    index = VectorStoreIndex(nodes, embed_model=Trigrams())
    return index.as_query_engine(llm=OneAnswer(), similarity_top_k=4, node_postprocessors=[SharedWords()])


def main(question: str) -> None:
    """Ask one question, as one session of one user."""
    groundtrace.instrument(project="handbook")
    engine = answering_engine()
    with groundtrace.context(session="s1", user="u1", metadata={"doc_family": "kettle"}, prompt_version="v1"):
        print(engine.query(question))
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
