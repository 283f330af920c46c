"""The demo's questions: what users ask of the language reference, and which passages answer it."""

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from groundtrace_collector.demo.corpus import Passage, doc_family, plain

QuestionKind = Literal["how-to", "what-is", "why", "error", "comparison", "lookup"]
QueryLength = Literal["short", "medium", "long"]

SHORT_WORDS: Final = 6  # up to so many words a query is short
MEDIUM_WORDS: Final = 14  # up to so many it is medium


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question and the passages that answer it."""

    id: str  # of the topic and the wording: it stays while these do
    text: str
    kind: QuestionKind
    topic: str
    family: str
    gold: tuple[str, ...]  # passage ids, at least one

    @property
    def query_length(self) -> QueryLength:
        """The question's length in words, in three classes."""
        words = len(self.text.split())
        if words <= SHORT_WORDS:
            return "short"
        return "medium" if words <= MEDIUM_WORDS else "long"


MOST_GOLD = 5
"""More gold passages than this, and recall@5 could not reach 1."""


class WrittenQuestion(BaseModel, frozen=True, extra="forbid"):
    """A question as ``questions.toml`` has it; gold is pairs of a topic and a phrase of its answer."""

    text: str = Field(min_length=3)
    kind: QuestionKind
    gold: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]


class _QuestionFile(BaseModel, frozen=True, extra="forbid"):
    question: tuple[WrittenQuestion, ...]


def written_questions() -> tuple[WrittenQuestion, ...]:
    """The questions of the package, as written."""
    text = files(__package__).joinpath("questions.toml").read_text(encoding="utf-8")
    return _QuestionFile.model_validate(tomllib.loads(text)).question


def answerable(written: Iterable[WrittenQuestion], corpus: Sequence[Passage]) -> list[Question]:
    """The questions that ``corpus`` can answer, each with its gold passages.

    A question whose topics another Python no longer ships is left out.
    """
    questions = []
    for item in written:
        gold = gold_passages(item, corpus)
        if gold:
            topic = item.gold[0][0]
            digest = hashlib.sha256(item.text.encode()).hexdigest()[:6]
            questions.append(
                Question(
                    id=f"{topic}-{digest}",
                    text=item.text,
                    kind=item.kind,
                    topic=topic,
                    family=doc_family(topic),
                    gold=tuple(gold),
                )
            )
    return questions


def gold_passages(item: WrittenQuestion, corpus: Sequence[Passage]) -> list[str]:
    """The ids of the passages that answer ``item``, in corpus order.

    These are the passages of each gold topic that hold the phrase. A Python that words all of them
    differently falls back to every passage of the first topic that it still has, if these are few: among
    many, nobody knows which one answers.
    """
    hits = [
        passage.id
        for passage in corpus
        if any(topic == passage.topic and phrase in plain(passage.text) for topic, phrase in item.gold)
    ]
    if hits:
        return hits
    for topic, _ in item.gold:
        of_topic = [passage.id for passage in corpus if passage.topic == topic]
        if of_topic:
            return of_topic if len(of_topic) <= MOST_GOLD else []
    return []
