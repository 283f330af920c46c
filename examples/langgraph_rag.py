"""A LangGraph RAG app, traced by one line: retrieve, grade, ask back or answer; nodes are spans by name.

Run it offline as it is; with a collector running (`groundtrace serve`) its traces are at
http://127.0.0.1:4318. Swap the fake model for your own.

    python examples/langgraph_rag.py "How long is the warranty?"
"""

import sys
from typing import Literal, TypedDict

from handbook import HANDBOOK, unit_vector
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

import groundtrace


class State(TypedDict, total=False):
    """What the nodes hand on."""

    question: str
    passages: list[str]
    answer: str


class Trigrams(Embeddings):
    """An encoder that needs no download."""

    model_name = "trigrams"

    def embed_query(self, text: str) -> list[float]:
        """Return the unit vector of one text."""
        return unit_vector(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the unit vectors of several texts."""
        return [unit_vector(text) for text in texts]


class Assistant:
    """The graph's nodes."""

    def __init__(self) -> None:
        store = InMemoryVectorStore(Trigrams())
        store.add_documents([Document(id=key, page_content=text) for key, text in HANDBOOK.items()])
        self._retriever = store.as_retriever(search_kwargs={"k": 2})
        self._model = FakeListChatModel(responses=["The warranty of a kettle is two years."])

    def retrieve(self, state: State) -> State:
        """Find passages."""
        found = self._retriever.invoke(state["question"])
        return {"passages": [document.page_content for document in found]}

    def grade(self, state: State) -> Command[Literal["ask_back", "generate"]]:
        """Ask back when the question has a single word, else answer."""
        return Command(goto="generate" if " " in state["question"].strip() else "ask_back")

    def ask_back(self, state: State) -> Command[Literal["retrieve"]]:
        """Stop here until the user has said more: the next call of the same thread goes on."""
        more = interrupt(f"What about {state['question']}?")
        return Command(goto="retrieve", update={"question": more})

    def generate(self, state: State) -> State:
        """Answer from the passages."""
        prompt = "\n".join([*state["passages"], state["question"]])
        return {"answer": str(self._model.invoke(prompt).content)}


def main(question: str) -> None:
    """Ask with one word, as people do; say more when asked back."""
    groundtrace.instrument(project="handbook")
    assistant = Assistant()
    builder = StateGraph(State)
    builder.add_node("retrieve", assistant.retrieve)
    builder.add_node("grade", assistant.grade)
    builder.add_node("ask_back", assistant.ask_back)
    builder.add_node("generate", assistant.generate)
    builder.add_edge(START, "retrieve")
    builder.add_edge("retrieve", "grade")
    graph = builder.compile(checkpointer=MemorySaver(), name="handbook")
    thread = {"configurable": {"thread_id": "t1"}}
    with groundtrace.context(metadata={"doc_family": "kettle"}):
        graph.invoke({"question": "Warranty"}, thread)
        print(graph.invoke(Command(resume=question), thread)["answer"])
    groundtrace.flush(5.0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "How long is the warranty of a kettle?")
