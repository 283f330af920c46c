"""The context of an answer: which passages the generator was given, from document attributes of spans."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from groundtrace_collector.query.foreign_documents import Event, foreign_documents

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
    """A span that found or sorted documents: its kind, and what it says of them.

    ``is_distance``: its scores are distances, the lower the nearer.
    """

    kind: str
    attributes: Mapping[str, str]
    events: Sequence[Event] = ()
    is_distance: bool = False


def context_passages(spans: Iterable[RetrievalSpan]) -> tuple[str, ...]:
    """The texts of ``context_documents``."""
    return tuple(passage.content for passage in context_documents(spans))


def context_documents(spans: Iterable[RetrievalSpan]) -> tuple[Passage, ...]:
    """The last RERANKER's output documents, else of the last RETRIEVER's, best first.

    ``spans`` come earliest first. A document without text
    takes it by its id from any stage that has it; one that nowhere has a text is left out. The settled
    trace's ContextIds follow the same rule (store/settle.sql).
    """
    retrieved: list[Passage] = []
    reranked: list[Passage] = []
    texts: dict[str, str] = {}
    for span in spans:
        stages = stages_of(span)
        if span.kind == "RERANKER":
            reranked = stages.get("rerank_out", [])
        else:
            retrieved = stages.get("retrieved", [])
        for passages in stages.values():
            texts.update((each.document_id, each.content) for each in passages if each.content)
    found = (
        Passage(
            document_id=each.document_id,
            content=each.content or (each.document_id and texts.get(each.document_id, "")),
        )
        for each in reranked or retrieved
    )
    return tuple(passage for passage in found if passage.content)


def retrieved_scores(spans: Iterable[RetrievalSpan], ids: Sequence[str]) -> tuple[float, ...]:
    """The last RETRIEVER's scores of ``ids``, in their order, higher is nearer: a distance is turned round.

    Empty where that span names other documents, or not the score of each.
    """
    last = next((span for span in reversed(list(spans)) if span.kind == "RETRIEVER"), None)
    found = stages_of(last).get("retrieved", []) if last else []
    scores = [each.score for each in found if each.score is not None]
    if last is None or len(scores) != len(found) or [each.document_id for each in found] != list(ids):
        return ()
    return tuple(-score if last.is_distance else score for score in scores)


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
