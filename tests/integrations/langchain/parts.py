# ruff: noqa: ARG002 - LangChain's interfaces name the arguments
"""The parts of a real LangChain app, small enough to know what each must give."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

FACTS = (
    Document(id="fact-paris", page_content="Paris is the capital of France.", metadata={"page": 1}),
    Document(id="fact-rome", page_content="Rome is the capital of Italy.", metadata={"page": 2}),
    Document(id="fact-bern", page_content="Bern is the seat of Swiss government.", metadata={"page": 3}),
    Document(id="fact-tea", page_content="Tea is brewed with water.", metadata={"page": 4}),
)


class WordEmbeddings(Embeddings):
    """Counts of hashed words: alike texts share words."""

    model_name = "words"
    model_version = "2"
    dimension = 64

    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * self.dimension
        for word in text.lower().replace(".", "").replace("?", "").split():
            vector[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1.0
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class OverlapReranker(BaseDocumentCompressor):
    """Orders documents by the words they share with the query."""

    model: str = "overlap"
    top_n: int = 2

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        asked = set(query.lower().strip("?").split())
        scored = [
            (len(asked & set(document.page_content.lower().strip(".").split())), document)
            for document in documents
        ]
        best = sorted(scored, key=lambda pair: -pair[0])[: self.top_n]
        return [
            # Without the id, as hosted rerankers' adapters do.
            Document(
                page_content=document.page_content, metadata={**document.metadata, "relevance_score": score}
            )
            for score, document in best
        ]


def fact_store(embeddings: Embeddings | None = None) -> InMemoryVectorStore:
    store = InMemoryVectorStore(embeddings or WordEmbeddings())
    store.add_documents(list(FACTS))
    return store


def joined(documents: Sequence[Document]) -> str:
    return "\n".join(document.page_content for document in documents)


def prompt() -> ChatPromptTemplate:
    return ChatPromptTemplate.from_messages(
        [("system", "Answer from the context only.\n{context}"), ("human", "{question}")]
    )


def rag_chain(model: Runnable[Any, Any] | None = None, *, k: int = 2) -> Runnable[Any, str]:
    """Retriever, prompt, model, parser: what LangChain's own tutorial builds."""
    retriever = fact_store().as_retriever(search_kwargs={"k": k})
    return (
        {"context": retriever | joined, "question": RunnablePassthrough()}
        | prompt()
        | (model or FakeListChatModel(responses=["Paris, by the context."]))
        | StrOutputParser()
    )


def streaming_model(text: str = "one two three four", times: int = 1_000) -> GenericFakeChatModel:
    def answers() -> Iterator[AIMessage]:
        for _ in range(times):
            yield AIMessage(text)

    return GenericFakeChatModel(messages=answers())
