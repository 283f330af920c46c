"""Retrieval with models of your own: an encoder, a cross-encoder, and no network at all.

Each argument is a folder with a model, or its name on the Hugging Face Hub; with a collector running
(`groundtrace serve`) the trace is at http://127.0.0.1:4318.

    python examples/sentence_transformers_rag.py sentence-transformers/all-MiniLM-L6-v2 \\
        cross-encoder/ms-marco-MiniLM-L6-v2 "How long is the warranty?"
"""

import sys

from sentence_transformers import CrossEncoder, SentenceTransformer

import groundtrace
from groundtrace import Document

HANDBOOK = {
    "warranty": "The warranty of a kettle is two years.",
    "descale": "Descale the kettle every month with vinegar.",
    "returns": "Returns are free within thirty days.",
    "power": "The kettle draws 2200 watts.",
}


class Handbook:
    """The passages of the handbook, found by the similarity of their vectors."""

    def __init__(self, encoder: SentenceTransformer) -> None:
        self._encoder = encoder
        self._ids = list(HANDBOOK)
        self._vectors = encoder.encode_document(list(HANDBOOK.values()))

    @groundtrace.retriever
    def search(self, query: str, k: int = 3) -> list[Document]:
        """Return the best passages, best first; the encoder's call becomes a span inside this one."""
        scores = self._encoder.similarity(self._encoder.encode_query(query), self._vectors)[0].tolist()
        found = sorted(zip(scores, self._ids, strict=True), reverse=True)[:k]
        return [Document(id=key, content=HANDBOOK[key], score=score) for score, key in found]


def best_passage(reranker: CrossEncoder, question: str, passages: list[Document]) -> Document:
    """Return the passage that the cross-encoder puts first."""
    ranked = reranker.rank(question, [passage.content or "" for passage in passages])
    return passages[ranked[0]["corpus_id"]]


def main(encoder_name: str, reranker_name: str, question: str) -> None:
    """Ask one question; the answer is the best passage."""
    groundtrace.instrument(project="handbook")
    handbook, reranker = Handbook(SentenceTransformer(encoder_name)), CrossEncoder(reranker_name)
    with groundtrace.chain("ask", input=question) as step:
        answer = best_passage(reranker, question, handbook.search(question))
        step.set_output(answer.content)
    print(answer.content)
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(*(sys.argv[1:] if len(sys.argv) > 3 else [*sys.argv[1:3], "How long is the warranty of a kettle?"]))
