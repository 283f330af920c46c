"""The documents of a trace as one ranking: where each stood after retrieval and after reranking."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from groundtrace import semconv
from groundtrace_collector.pages import formats
from groundtrace_collector.pages.text import Budget, Text
from groundtrace_collector.query.retrieval import Stage, that_count
from groundtrace_collector.query.times import nanoseconds

ROWS = 60
"""Documents shown; the JSON has them all."""
_CONTENT_BYTES = 2_000
_ROW_BYTES = 1_200

Key = tuple[str, int]
"""A document's id and which of its occurrences in the stage this is: chunks may share an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedDocument:
    """One row of the ranking."""

    id: Text
    rank: int | None
    """In the context the LLM was given; None for a document that the reranker left out."""
    rank_before: int | None
    """Before reranking; None without a reranker or for a document it did not see."""
    move: int | None
    """Places won by reranking, negative for places lost; None where either rank is missing."""
    score: str
    rerank_score: str
    content: Text
    gold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The ranked documents of a trace."""

    rows: tuple[RankedDocument, ...]
    reranked: bool
    hidden: int
    """Documents that the page leaves to the JSON."""
    kept: int
    gold_missing: tuple[str, ...]
    """Documents known to be right that no stage returned."""


def ranking(
    documents: Sequence[Mapping[str, Any]],
    spans: Sequence[Mapping[str, Any]],
    gold: Sequence[str],
    budget: Budget,
) -> Ranking:
    """Merge the stages of the retriever and the reranker that count into one table.

    ``documents`` and ``spans`` are those of the API's trace.
    """
    retriever, reranker = _that_count(documents, spans)
    retrieved = _stage(documents, "retrieved", retriever)
    before = _stage(documents, "rerank_in", reranker) or retrieved
    after = _stage(documents, "rerank_out", reranker)
    anywhere = _keyed(document for document in documents if document["stage"] == "retrieved") | retrieved
    order = sorted(after or retrieved, key=lambda key: (after or retrieved)[key]["rank"])
    order += sorted(before.keys() - set(order), key=lambda key: before[key]["rank"]) if after else []
    seen, right = {key[0] for key in order}, set(gold)
    rows = []
    for key in order[:ROWS]:
        if not budget.spend(_ROW_BYTES):
            break
        stages = [stage.get(key) for stage in (after, before, anywhere)]
        rows.append(_row(stages, reranked=bool(after), gold=key[0] in right, budget=budget))
    return Ranking(
        rows=tuple(rows),
        reranked=bool(after),
        hidden=len(order) - len(rows),
        kept=sum(row.rank is not None for row in rows),
        gold_missing=tuple(document_id for document_id in gold if document_id not in seen)[:10],
    )


def _row(
    stages: Sequence[Mapping[str, Any] | None], *, reranked: bool, gold: bool, budget: Budget
) -> RankedDocument:
    after, before, retrieved = stages
    known = [stage for stage in stages if stage is not None]
    rank = (after if reranked else retrieved) or {}
    rank_before = before["rank"] if reranked and before else None
    score = retrieved or before or {}
    content = next((stage["content"] for stage in known if stage.get("content")), "")
    return RankedDocument(
        id=budget.text(known[0]["id"], 300),
        rank=rank.get("rank"),
        rank_before=rank_before,
        move=rank_before - rank["rank"] if rank_before and rank.get("rank") else None,
        score=formats.significant(score.get("score")),
        rerank_score=formats.significant(after.get("score")) if after else formats.NOTHING,
        content=budget.folded(content, _CONTENT_BYTES),
        gold=gold,
    )


def _that_count(
    documents: Iterable[Mapping[str, Any]], spans: Sequence[Mapping[str, Any]]
) -> tuple[str | None, str | None]:
    """The span ids of the retriever and of the reranker that count."""
    finders = {document["span_id"] for document in documents if document["stage"] == "retrieved"}
    searched = [
        span
        for span in spans
        if span["kind"] in ("RETRIEVER", "RERANKER") and span["attributes"].get(semconv.SHADOW) != "true"
    ]
    places = that_count([_place(span, finds=span["span_id"] in finders) for span in searched])
    retriever, reranker = (None if place is None else searched[place]["span_id"] for place in places)
    return retriever, reranker


def _place(span: Mapping[str, Any], *, finds: bool) -> Stage:
    began_ns = nanoseconds(datetime.fromisoformat(span["started_at"]))
    return Stage(span["kind"], began_ns, began_ns + round(span["duration_ms"] * 1e6), finds)


def _stage(
    documents: Sequence[Mapping[str, Any]], stage: str, span_id: str | None
) -> dict[Key, Mapping[str, Any]]:
    return _keyed(
        document for document in documents if document["stage"] == stage and document["span_id"] == span_id
    )


def _keyed(documents: Iterable[Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    seen: Counter[str] = Counter()
    keyed: dict[Key, Mapping[str, Any]] = {}
    for document in sorted(documents, key=lambda document: document["rank"]):
        name = document["id"] or ""
        keyed[name, seen[name]] = document
        seen[name] += 1
    return keyed
