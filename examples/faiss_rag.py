"""A RAG app on a FAISS index, traced by one line.

FAISS knows its documents by number. Inside a `groundtrace.retriever` its search makes no span of its own
but gives that one its figures; the ids and texts are the app's.

    python examples/faiss_rag.py "How long is the warranty?"
"""

import sys

import faiss
import numpy as np
from handbook import DIMENSION, HANDBOOK, encode, unit_vector

import groundtrace
from groundtrace import Document


class Handbook:
    """The handbook's passages in an HNSW graph, found by inner product."""

    def __init__(self) -> None:
        self._ids = list(HANDBOOK)
        self._index = faiss.IndexHNSWFlat(DIMENSION, 16, faiss.METRIC_INNER_PRODUCT)
        self._index.add(np.array([unit_vector(text) for text in HANDBOOK.values()], dtype=np.float32))

    @groundtrace.retriever
    def search(self, query: str, k: int = 2) -> list[Document]:
        """Return the best passages, best first."""
        scores, labels = self._index.search(np.array([encode(query)], dtype=np.float32), k)
        found = zip(labels[0].tolist(), scores[0].tolist(), strict=True)
        ids = [(self._ids[label], score) for label, score in found]
        return [Document(id=key, content=HANDBOOK[key], score=score) for key, score in ids]


def main(question: str) -> None:
    """Ask one question; the best passage is the answer."""
    groundtrace.instrument(project="handbook")
    handbook = Handbook()
    with groundtrace.context(session="s1"), groundtrace.chain("ask", input=question) as request:
        answer = handbook.search(question)[0].content
        request.set_output(answer)
    print(answer)
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
