"""An instrumented app: asks its pipeline `REQUESTS` times, says how far it is, then flushes.

Arguments: the collector's URL, the number of requests, and `langchain` or `steps` for what it is made of.
"""

import sys
import time
from collections.abc import Callable

import groundtrace
from groundtrace import Document

PASSAGES = [f"Passage {number}: refunds take {number} days." for number in range(8)]


def of_steps() -> Callable[[str], str]:
    """The pipeline of the SDK's own steps; four spans a request."""

    @groundtrace.encoder(model="length", version="1")
    def encode(text: str) -> list[float]:
        return [float(len(text)), 1.0]

    @groundtrace.retriever
    def search(query: str) -> list[Document]:
        encode(query)
        return [Document(id=str(n), score=1.0 / (n + 1), content=text) for n, text in enumerate(PASSAGES)]

    @groundtrace.llm(model="echo")
    def generate(prompt: str) -> str:
        return prompt[-40:]

    @groundtrace.chain
    def answer(question: str) -> str:
        return generate(" ".join(document.content or "" for document in search(question)) + question)

    return answer


def of_langchain() -> Callable[[str], str]:
    """The pipeline of LangChain's parts."""
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnablePassthrough
    from langchain_core.vectorstores import InMemoryVectorStore

    store = InMemoryVectorStore.from_texts(PASSAGES, DeterministicFakeEmbedding(size=16))
    chain = (
        {"context": store.as_retriever(), "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{context}\n\n{question}")
        | FakeListChatModel(responses=["Three days."])
        | StrOutputParser()
    )
    return chain.invoke


def main(url: str, requests: int, made_of: str) -> None:
    """Ask, tell each tenth, and say whether all was delivered and how long the slowest request took."""
    answer = of_langchain() if made_of == "langchain" else of_steps()
    groundtrace.instrument(url, only=["langchain"] if made_of == "langchain" else [])
    trace_ids, slowest_s = set(), 0.0
    for number in range(requests):
        began = time.perf_counter()
        with groundtrace.chain("request", input=number) as request:
            answer(f"How long does refund {number} take?")
        slowest_s = max(slowest_s, time.perf_counter() - began)
        trace_ids.add(request.trace_id)
        if (number + 1) % (requests // 10) == 0:
            say(number + 1)
            sys.stdin.readline()  # the test may have something to do first
    say(groundtrace.flush(300), len(trace_ids), slowest_s)


def say(*words: object) -> None:
    """Tell the test."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
