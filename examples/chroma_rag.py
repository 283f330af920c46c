"""A RAG app on a Chroma collection, traced by one line: each query is a RETRIEVER span.

python examples/chroma_rag.py "How long is the warranty?"
"""

import sys

import chromadb
from chromadb.config import Settings
from handbook import HANDBOOK, encode, unit_vector

import groundtrace


def handbook() -> chromadb.Collection:
    """Return the handbook's passages in a collection in memory."""
    client = chromadb.EphemeralClient(Settings(anonymized_telemetry=False))
    collection = client.create_collection("handbook", metadata={"hnsw:space": "cosine"})
    vectors = [unit_vector(text) for text in HANDBOOK.values()]
    collection.add(ids=list(HANDBOOK), documents=list(HANDBOOK.values()), embeddings=vectors)
    return collection


def main(question: str) -> None:
    """Ask one question; the best passage is the answer."""
    groundtrace.instrument(project="handbook")
    collection = handbook()
    with groundtrace.context(session="s1"), groundtrace.chain("ask", input=question) as request:
        found = collection.query(query_embeddings=[encode(question)], n_results=2)
        answer = found["documents"][0][0]
        request.set_output(answer)
    print(answer)
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
