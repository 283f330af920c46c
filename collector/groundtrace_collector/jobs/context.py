"""The context of an answer: which passages the generator was given, from document attributes of spans."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from groundtrace_collector.query.foreign_documents import Event, foreign_documents
from groundtrace_collector.query.retrieval import Stage, that_count

_STAGES: Final = {
    "retrieval.documents": "retrieved",
    "reranker.input_documents": "rerank_in",
    "reranker.output_documents": "rerank_out",
}
_KEY: Final = re.compile(rf"({'|'.join(map(re.escape, _STAGES))})\.(\d{{1,4}})\.document\.(id|content|score)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A document as one span names it; either text may be ''. ``score`` is None where it is no finite number."""

    document_id: str = ""
    content: str = ""
    score: float | None = None


class RetrievalSpan(NamedTuple):
    """A span that found or sorted documents: its kind, what it says of them, and when, in nanoseconds.

    ``is_distance``: its scores are distances, the lower the nearer.
    """

    kind: str
    attributes: Mapping[str, str]
    events: Sequence[Event] = ()
    is_distance: bool = False
    began_ns: int = 0
    ended_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What a trace's search came to: the span and the documents that count, and each document's text by its id."""

    retriever: RetrievalSpan | None
    retrieved: Sequence[Passage]
    reranked: Sequence[Passage]
    texts: Mapping[str, str]


def retrieval(spans: Sequence[RetrievalSpan]) -> Retrieval:
    """What the spans that count name (query/retrieval.py says which do). ``spans`` come earliest first."""
    named = [stages_of(span) for span in spans]
    retriever, reranker = that_count(
        [
            Stage(span.kind, span.began_ns, span.ended_ns, bool(stages.get("retrieved")))
            for span, stages in zip(spans, named, strict=True)
        ]
    )
    return Retrieval(
        retriever=None if retriever is None else spans[retriever],
        retrieved=[] if retriever is None else named[retriever].get("retrieved", []),
        reranked=[] if reranker is None else named[reranker].get("rerank_out", []),
        texts={
            each.document_id: each.content
            for stages in named
            for passages in stages.values()
            for each in passages
            if each.content
        },
    )


def context_passages(spans: Sequence[RetrievalSpan]) -> tuple[str, ...]:
    """The texts of ``context_documents``."""
    return tuple(passage.content for passage in context_documents(spans))


def context_documents(spans: Sequence[RetrievalSpan]) -> tuple[Passage, ...]:
    """The reranker's output documents, else the retriever's, best first; which spans count: see ``retrieval``.

    A document without text takes it by its id from any stage that has it; one that nowhere has a text is left
    out.
    """
    found = retrieval(spans)
    passages = (
        Passage(
            document_id=each.document_id,
            content=each.content or (each.document_id and found.texts.get(each.document_id, "")),
        )
        for each in found.reranked or found.retrieved
    )
    return tuple(passage for passage in passages if passage.content)


def retrieved_scores(spans: Sequence[RetrievalSpan], ids: Sequence[str]) -> tuple[float, ...]:
    """The RETRIEVER's scores of ``ids``, in their order, higher is nearer: a distance is turned round.

    Empty where that span names other documents, or not the score of each.
    """
    found = retrieval(spans)
    scores = [each.score for each in found.retrieved if each.score is not None]
    if (
        found.retriever is None
        or len(scores) != len(found.retrieved)
        or [each.document_id for each in found.retrieved] != list(ids)
    ):
        return ()
    return tuple(-score if found.retriever.is_distance else score for score in scores)


def stages_of(span: RetrievalSpan) -> dict[str, list[Passage]]:
    """One span's documents by stage, best first: OpenInference's flat keys, else another vocabulary's."""
    stages: dict[str, dict[int, dict[str, str]]] = {}
    for key, value in span.attributes.items():
        match = _KEY.fullmatch(key)
        if match is not None:
            place = stages.setdefault(_STAGES[match[1]], {}).setdefault(int(match[2]), {})
            place[match[3]] = value
    if not stages and span.kind == "RETRIEVER":
        found = foreign_documents(span.attributes, span.events)
        return {"retrieved": [Passage(document_id=each.document_id, content=each.content) for each in found]}
    return {stage: [_passage(places[place]) for place in sorted(places)] for stage, places in stages.items()}


def _passage(fields: Mapping[str, str]) -> Passage:
    return Passage(
        document_id=fields.get("id", ""),
        content=fields.get("content", ""),
        score=_number(fields.get("score", "")),
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
