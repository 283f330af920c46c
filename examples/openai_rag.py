"""A RAG app on OpenAI's client alone: embeddings, a retriever of one's own, a streamed answer, one trace.

`OPENAI_API_KEY` is the key; `OPENAI_BASE_URL` may name any server that speaks OpenAI's API. With a
collector running (`groundtrace serve`) the trace is at http://127.0.0.1:4318.

    python examples/openai_rag.py "How long is the warranty?"
"""

import sys
from collections.abc import Iterator

from openai import OpenAI

import groundtrace
from groundtrace import Document

EMBEDDING_MODEL = "text-embedding-3-small"
CHAT_MODEL = "gpt-4o-mini"
HANDBOOK = {
    "warranty": "The warranty of a kettle is two years.",
    "descale": "Descale the kettle every month with vinegar.",
    "returns": "Returns are free within thirty days.",
}


class Handbook:
    """The passages of the handbook, found by the dot product of their vectors."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client
        vectors = client.embeddings.create(model=EMBEDDING_MODEL, input=list(HANDBOOK.values()))
        self._vectors = dict(zip(HANDBOOK, (item.embedding for item in vectors.data), strict=True))

    @groundtrace.retriever
    def search(self, query: str, k: int = 2) -> list[Document]:
        """Return the best passages, best first; the encoder's call becomes a span inside this one."""
        asked = self._client.embeddings.create(model=EMBEDDING_MODEL, input=query).data[0].embedding
        scores = {
            key: sum(one * other for one, other in zip(asked, vector, strict=True))
            for key, vector in self._vectors.items()
        }
        best = sorted(scores, key=lambda key: -scores[key])[:k]
        return [Document(id=key, content=HANDBOOK[key], score=scores[key]) for key in best]


def answer(client: OpenAI, question: str, passages: list[Document]) -> Iterator[str]:
    """Yield the answer as it is written."""
    context = "\n".join(passage.content or "" for passage in passages)
    stream = client.chat.completions.create(
        model=CHAT_MODEL,
        messages=[
            {"role": "system", "content": f"Answer from the context only.\n{context}"},
            {"role": "user", "content": question},
        ],
        stream=True,
        stream_options={"include_usage": True},  # else the provider tells no token counts
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def main(question: str) -> None:
    """Ask one question."""
    groundtrace.instrument(project="handbook")
    client = OpenAI()
    handbook = Handbook(client)
    with (
        groundtrace.context(metadata={"doc_family": "kettle"}),
        groundtrace.chain("ask", input=question) as step,
    ):
        text = ""
        for piece in answer(client, question, handbook.search(question)):
            print(piece, end="", flush=True)
            text += piece
        step.set_output(text)
    print()
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
