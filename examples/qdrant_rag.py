"""A RAG app on Qdrant, with a semantic cache in a second collection, traced by one line.

The cache's search is no retrieval: inside `groundtrace.cache` the client makes no span, but tells how
near the nearest stored question is, and which one.

    python examples/qdrant_rag.py "How long is the warranty?"
"""

import sys
from uuid import uuid4

from handbook import DIMENSION, HANDBOOK, encode, unit_vector
from qdrant_client import QdrantClient, models

import groundtrace

NEAR_ENOUGH = 0.8


class Handbook:
    """The handbook's passages and the answers given so far, in memory."""

    def __init__(self) -> None:
        self._client = QdrantClient(":memory:")
        for name in ("handbook", "answers"):
            vectors = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
            self._client.create_collection(name, vectors_config=vectors)
        for number, (key, text) in enumerate(HANDBOOK.items()):
            self._write("handbook", number, text, {"document": text, "key": key})

    def _write(self, collection: str, point: int | str, text: str, payload: dict[str, str]) -> None:
        self._client.upsert(
            collection, [models.PointStruct(id=point, vector=unit_vector(text), payload=payload)]
        )

    def stored(self, question: str) -> str | None:
        """Return the answer to a question much like this one."""
        with groundtrace.cache("answers", query=question, threshold=NEAR_ENOUGH) as lookup:
            points = self._client.query_points("answers", unit_vector(question), limit=1).points
            if points and points[0].score >= NEAR_ENOUGH:
                lookup.hit()
                return str(points[0].payload["answer"])
            lookup.miss()
            return None

    def answer(self, question: str) -> str:
        """Return a stored answer, else the best passage, and store it."""
        stored = self.stored(question)
        if stored is not None:
            return stored
        points = self._client.query_points("handbook", encode(question), limit=2).points
        found = str(points[0].payload["document"])
        self._write("answers", str(uuid4()), question, {"document": question, "answer": found})
        return found


def main(question: str) -> None:
    """Ask one question twice, the second time in other words."""
    groundtrace.instrument(project="handbook")
    handbook = Handbook()
    for asked in (question, f"{question} Please."):
        with groundtrace.context(session="s1"), groundtrace.chain("ask", input=asked) as request:
            answer = handbook.answer(asked)
            request.set_output(answer)
        print(answer)
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
