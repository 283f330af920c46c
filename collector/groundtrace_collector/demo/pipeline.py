"""Every question through both encoders, traced by groundtrace's one line."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

import groundtrace
from groundtrace.errors import GroundtraceError
from groundtrace_collector.demo.chain import answer_chain
from groundtrace_collector.demo.corpus import passages, python_topics
from groundtrace_collector.demo.encoders import HashEncoder, LsaEncoder, encoder_name
from groundtrace_collector.demo.questions import Question, answerable, written_questions
from groundtrace_collector.demo.retriever import BM25Reranker, PassageRetriever

PROJECT: Final = "demo"
FLUSH_S: Final = 30.0
FLUSH_EVERY: Final = 50  # answers; keeps the span queue from filling up when the collector is slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipelines:
    """What the demo asks, and one retriever and one chain an encoder, by the encoder's name."""

    questions: tuple[Question, ...]
    retrievers: dict[str, PassageRetriever]
    chains: dict[str, Runnable[str, str]]

    def recall_at_5(self, family: str) -> dict[tuple[str, str], float]:
        """The share of the gold passages among the first five, by encoder and question id, untraced."""
        return {
            (encoder, question.id): _recall(retriever.invoke(question.text)[:5], question)
            for encoder, retriever in self.retrievers.items()
            for question in self.questions
            if question.family == family
        }


def build_pipelines(model: BaseChatModel) -> Pipelines:
    """Index the language reference with both encoders, and answer once with each.

    The first answer imports what the libraries put off; it would stand out in the latencies.
    """
    corpus = passages(python_topics())
    reranker = BM25Reranker.fit(corpus)
    encoders = (HashEncoder(), LsaEncoder([passage.text for passage in corpus]))
    retrievers = {encoder_name(encoder): PassageRetriever.index(encoder, corpus) for encoder in encoders}
    chains = {name: answer_chain(retriever, reranker, model) for name, retriever in retrievers.items()}
    questions = tuple(answerable(written_questions(), corpus))
    for chain in chains.values():
        chain.invoke(questions[0].text)
    return Pipelines(questions=questions, retrievers=retrievers, chains=chains)


@contextmanager
def traced(url: str) -> Iterator[None]:
    """Trace to the collector at ``url``: this is the one line that an app adds."""
    os.environ.setdefault("OTEL_SERVICE_NAME", "groundtrace-demo")
    groundtrace.instrument(url, project=PROJECT, only=["langchain"])
    try:
        yield
    finally:
        groundtrace.uninstrument()


def ask(pipelines: Pipelines, *, on_answer: Callable[[], None]) -> None:
    """Ask every question of every encoder; ``on_answer`` is called after each answer.

    Raises GroundtraceError when the model, or the collector, does not take what it is sent.
    """
    asked = 0
    for question in pipelines.questions:
        for chain in pipelines.chains.values():
            _ask(question, chain)
            on_answer()
            asked += 1
            if asked % FLUSH_EVERY == 0:
                flush()
    flush()


def _recall(found: Sequence[Document], question: Question) -> float:
    return len({document.id for document in found} & set(question.gold)) / len(question.gold)


def _ask(question: Question, chain: Runnable[str, str]) -> None:
    about = {
        "doc_family": question.family,
        "question_kind": question.kind,
        "query_length": question.query_length,
        "topic": question.topic,
    }
    with groundtrace.context(metadata=about, gold=question.gold, dataset_row=question.id):
        chain.invoke(question.text)


def flush() -> None:
    """Send the spans that wait; raises GroundtraceError when the collector does not take them."""
    if not groundtrace.flush(FLUSH_S):
        raise GroundtraceError(f"the collector did not take the spans within {FLUSH_S:g} s")
