"""A RAG app on Anthropic's client: a retriever of one's own, a streamed answer, one trace.

`ANTHROPIC_API_KEY` is the key; `ANTHROPIC_BASE_URL` may name any server that speaks Anthropic's API.
With a collector running (`groundtrace serve`) the trace is at http://127.0.0.1:4318.

    python examples/anthropic_rag.py "How long is the warranty?"
"""

import sys
from collections.abc import Iterator

from anthropic import Anthropic
from handbook import HANDBOOK, encode, unit_vector

import groundtrace
from groundtrace import Document

MODEL = "claude-sonnet-5-5"
VECTORS = {key: unit_vector(text) for key, text in HANDBOOK.items()}


@groundtrace.retriever
def search(query: str, k: int = 2) -> list[Document]:
    """Return the best passages, best first; the encoder's call becomes a span inside this one."""
    asked = encode(query)
    scores = {
        key: sum(one * other for one, other in zip(asked, vector, strict=True))
        for key, vector in VECTORS.items()
    }
    best = sorted(scores, key=lambda key: -scores[key])[:k]
    return [Document(id=key, content=HANDBOOK[key], score=scores[key]) for key in best]


def answer(client: Anthropic, question: str, passages: list[Document]) -> Iterator[str]:
    """Yield the answer as it is written."""
    context = "\n".join(passage.content or "" for passage in passages)
    with client.messages.stream(
        model=MODEL,
        max_tokens=512,
        system=f"Answer from the context only.\n{context}",
        messages=[{"role": "user", "content": question}],
    ) as stream:
        yield from stream.text_stream


def main(question: str) -> None:
    """Ask one question."""
    groundtrace.instrument(project="handbook")
    client = Anthropic()
    with (
        groundtrace.context(metadata={"doc_family": "kettle"}),
        groundtrace.chain("ask", input=question) as step,
    ):
        text = ""
        for piece in answer(client, question, search(question)):
            print(piece, end="", flush=True)
            text += piece
        step.set_output(text)
    print()
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
