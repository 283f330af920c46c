"""The demo's retriever and reranker, as LangChain has them."""

from collections.abc import Sequence
from typing import Any, Final, Self

import bm25s
import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun, Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from groundtrace_collector.demo.corpus import Passage

RETRIEVED: Final = 20
RERANKED: Final = 5


class PassageRetriever(BaseRetriever):
    """The ``top_k`` passages nearest to the query by cosine, best first, each with its id and score.

    The vectors of all passages are one matrix, so that a query costs one product.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    embeddings: Embeddings
    documents: list[Document]
    matrix: Any  # (passages, dimensions), rows of unit length
    top_k: int = RETRIEVED

    @classmethod
    def index(cls, embeddings: Embeddings, passages: Sequence[Passage]) -> Self:
        """Encode every passage."""
        documents = [
            Document(
                id=passage.id,
                page_content=passage.text,
                metadata={"topic": passage.topic, "doc_family": passage.family},
            )
            for passage in passages
        ]
        vectors = embeddings.embed_documents([document.page_content for document in documents])
        return cls(embeddings=embeddings, documents=documents, matrix=np.asarray(vectors))

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager
        similarities = self.matrix @ np.asarray(self.embeddings.embed_query(query))
        nearest = np.argsort(-similarities, kind="stable")[: self.top_k]
        return [
            self.documents[index].model_copy(
                update={"metadata": self.documents[index].metadata | {"score": float(similarities[index])}}
            )
            for index in nearest
        ]


class BM25Reranker(BaseDocumentCompressor):
    """Okapi BM25 with the whole corpus' word statistics; keeps the ``top_n`` best documents.

    Its score is in each document's metadata as ``relevance_score``.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model_name: str = "bm25"
    top_n: int = RERANKED
    scorer: Any
    row_by_id: dict[str, int]

    @classmethod
    def fit(cls, passages: Sequence[Passage]) -> Self:
        """Count the words of the corpus."""
        scorer = bm25s.BM25()
        scorer.index([_words(passage.text) for passage in passages], show_progress=False)
        return cls(scorer=scorer, row_by_id={passage.id: row for row, passage in enumerate(passages)})

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,
    ) -> list[Document]:
        """The best documents for ``query``, best first; ties keep the order they came in."""
        del callbacks
        scores = self._scores(query)
        relevance = [float(scores[self.row_by_id[document.id or ""]]) for document in documents]
        best = sorted(range(len(documents)), key=lambda index: -relevance[index])[: self.top_n]
        return [_rescored(documents[index], relevance[index]) for index in best]

    def _scores(self, query: str) -> Any:
        words = [word for word in _words(query) if word in self.scorer.vocab_dict]
        return self.scorer.get_scores(words) if words else np.zeros(len(self.row_by_id))


def _rescored(document: Document, relevance: float) -> Document:
    metadata = {key: value for key, value in document.metadata.items() if key != "score"}
    return document.model_copy(update={"metadata": metadata | {"relevance_score": relevance}})


def _words(text: str) -> list[str]:
    (words,) = bm25s.tokenize([text], stopwords="en", return_ids=False, show_progress=False)
    return list(words)
