"""A RAG app on Hugging Face's inference client: an embeddings server, a chat server, one trace.

`EMBEDDINGS_URL` and `CHAT_URL` name servers of your own (text-embeddings-inference, vLLM, …) or
models on the Hub, which need `HF_TOKEN`. With a collector running (`groundtrace serve`) the trace
is at http://127.0.0.1:4318.

    EMBEDDINGS_URL=http://127.0.0.1:8080 CHAT_URL=http://127.0.0.1:8000 \\
        python examples/huggingface_rag.py "How long is the warranty?"
"""

import os
import sys
from collections.abc import Iterator

from huggingface_hub import InferenceClient

import groundtrace
from groundtrace import Document

HANDBOOK = {
    "warranty": "The warranty of a kettle is two years.",
    "descale": "Descale the kettle every month with vinegar.",
    "returns": "Returns are free within thirty days.",
}


class Handbook:
    """The passages of the handbook, found by the dot product of their vectors."""

    def __init__(self, client: InferenceClient) -> None:
        self._client = client
        self._vectors = client.feature_extraction(list(HANDBOOK.values()), normalize=True)

    @groundtrace.retriever
    def search(self, query: str, k: int = 2) -> list[Document]:
        """Return the best passages, best first; the encoder's call becomes a span inside this one."""
        asked = self._client.feature_extraction(query, normalize=True).reshape(-1)
        scores = dict(zip(HANDBOOK, (self._vectors @ asked).tolist(), strict=True))
        best = sorted(scores, key=lambda key: -scores[key])[:k]
        return [Document(id=key, content=HANDBOOK[key], score=scores[key]) for key in best]


def answer(client: InferenceClient, question: str, passages: list[Document]) -> Iterator[str]:
    """Yield the answer as it is written."""
    context = "\n".join(passage.content or "" for passage in passages)
    stream = client.chat_completion(
        [
            {"role": "system", "content": f"Answer from the context only.\n{context}"},
            {"role": "user", "content": question},
        ],
        stream=True,
        stream_options={"include_usage": True},  # else the server tells no token counts
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def main(question: str) -> None:
    """Ask one question."""
    groundtrace.instrument(project="handbook")
    handbook = Handbook(InferenceClient(os.environ.get("EMBEDDINGS_URL", "BAAI/bge-small-en-v1.5")))
    client = InferenceClient(os.environ.get("CHAT_URL", "meta-llama/Llama-3.1-8B-Instruct"))
    with groundtrace.chain("ask", input=question) as step:
        text = ""
        for piece in answer(client, question, handbook.search(question)):
            print(piece, end="", flush=True)
            text += piece
        step.set_output(text)
    print()
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
