"""A LangChain RAG app, traced by one line: retriever, reranker, prompt, model.

Run it offline as it is; with a collector running (`groundtrace serve`) its traces are at
http://127.0.0.1:4318. Swap the fake model for your own.

    python examples/langchain_rag.py "How long is the warranty?"
"""

import math
import sys
from collections import Counter
from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

import groundtrace

HANDBOOK = [
    Document(id="warranty", page_content="The warranty of a kettle is two years.", metadata={"page": 3}),
    Document(id="descale", page_content="Descale the kettle every month with vinegar.", metadata={"page": 7}),
    Document(id="returns", page_content="Returns are free within thirty days.", metadata={"page": 9}),
    Document(id="power", page_content="The kettle draws 2200 watts.", metadata={"page": 2}),
]


class TrigramEmbeddings(Embeddings):
    """An encoder that needs no download: counts of hashed character trigrams."""

    model_name = "trigrams"
    model_version = "1"
    dimension = 256

    def embed_query(self, text: str) -> list[float]:
        """Return the unit vector of one text."""
        padded = f"  {text.lower()} "
        counts = Counter(padded[start : start + 3] for start in range(len(padded) - 2))
        vector = [0.0] * self.dimension
        for trigram, count in counts.items():
            vector[sum(ord(char) * 31**place for place, char in enumerate(trigram)) % self.dimension] += count
        length = math.sqrt(sum(value * value for value in vector))
        return [value / length for value in vector]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the unit vectors of several texts."""
        return [self.embed_query(text) for text in texts]


class SharedWords(BaseDocumentCompressor):
    """A reranker: the documents that share most words with the question."""

    model: str = "shared-words"
    top_n: int = 2

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002 - LangChain's signature
    ) -> Sequence[Document]:
        """Return the best ``top_n``, best first, with their scores."""
        asked = set(query.lower().strip("?").split())
        for document in documents:
            words = set(document.page_content.lower().strip(".").split())
            document.metadata["relevance_score"] = len(asked & words) / len(asked)
        return sorted(documents, key=lambda document: -document.metadata["relevance_score"])[: self.top_n]


def answering_chain() -> Runnable[str, str]:
    """Return question in, answer out."""
    store = InMemoryVectorStore(TrigramEmbeddings())
    store.add_documents(HANDBOOK)
    retriever = store.as_retriever(search_kwargs={"k": 4})
    reranker = SharedWords()

    def context(question: str) -> str:
        best = reranker.compress_documents(retriever.invoke(question), question)
        return "\n".join(document.page_content for document in best)

    prompt = ChatPromptTemplate.from_messages(
        [("system", "Answer from the context only.\n{context}"), ("human", "{question}")]
    )
    model = FakeListChatModel(responses=["The warranty of a kettle is two years."])
    return (
        {"context": RunnableLambda(context), "question": RunnablePassthrough()}
        | prompt
        | model
        | StrOutputParser()
    )


def main(question: str) -> None:
    """Ask one question, as one session of one user."""
    groundtrace.instrument(project="handbook")
    chain = answering_chain()
    with groundtrace.context(session="s1", user="u1", metadata={"doc_family": "kettle"}, prompt_version="v1"):
        print(chain.invoke(question))
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
