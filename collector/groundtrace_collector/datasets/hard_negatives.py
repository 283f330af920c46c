"""What one trace teaches: a document that answers its query, and those that only seemed to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from groundtrace_collector.datasets.row import Row
from groundtrace_collector.jobs.context import Passage, RetrievalSpan, retrieval
from groundtrace_collector.query.dimensions import BOOKKEEPING
from groundtrace_collector.query.metrics import lower_is_better

EXPECTED_ANSWER: Final = "expected_answer"
_DEFAULT_THRESHOLD: Final = 0.5


class Skipped(StrEnum):
    """Why a trace gave no row."""

    NO_QUERY = "it has no query"
    NO_VERDICT = "no gold id, thumb or human score says what is right"
    WENT_WRONG = "a thumb or a human score says that it went wrong, and no gold id what is right"
    NO_TEXT = "no document with a text was retrieved"
    NO_NEGATIVE = "nothing was retrieved but what is right"
    TOO_LONG = "a text or an id is too long for a row"
    REPEATED = "a trace before it gave the same rows"


class Basis(StrEnum):
    """What says which documents are right, the strongest first."""

    GOLD = "gold ids"
    HUMAN = "human score"
    THUMB = "thumbs up"


class Nearness(StrEnum):
    """How a wrong document competed with the right one, the hardest first."""

    ABOVE = "ranked above"
    RERANKED = "reranked down"
    BELOW = "ranked below"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A trace as a list shows it, with its gold ids, the last thumb (-1, 1, None) and its retrieval spans."""

    trace: Mapping[str, Any]
    gold: Sequence[str]
    thumb: float | None
    spans: Sequence[RetrievalSpan]


class _Ranked(NamedTuple):
    """The documents of a trace that have a text: as retrieved, and as the generator got them; best first."""

    retrieved: list[Passage]
    final: list[Passage]


def rows_of(seen: Seen, *, negatives: int) -> list[Row] | Skipped:
    """At most ``negatives`` rows, the hardest negative first; or why there is none.

    Right is what the gold ids name. Without them it is the document that stood first before the generator, where
    every human score of the trace passes, else where the thumb is up. A trace that did not retrieve its gold
    documents gives rows without a positive chunk, since only their ids are known.
    A negative is a retrieved document that is not right and has another text than what is right: those that
    ranked above the positive, then those that the retriever had above it and the reranker put down or left
    out, then those below; each best first.
    """
    if not (seen.trace["query"] or "").strip():
        return Skipped.NO_QUERY
    basis = basis_of(seen)
    if isinstance(basis, Skipped):
        return basis
    ranked = _ranked(seen.spans)
    if not ranked.retrieved and not ranked.final:
        return Skipped.NO_TEXT
    positive, right = _positive(ranked, basis, seen.gold)
    found = _negatives(ranked, positive, right)[:negatives]
    if not found:
        return Skipped.NO_NEGATIVE
    try:
        return [_row(seen, basis, positive, right, *each) for each in found]
    except ValidationError:
        return Skipped.TOO_LONG


def basis_of(seen: Seen) -> Basis | Skipped:
    """What says that documents of this trace are right."""
    if seen.gold:
        return Basis.GOLD
    verdicts = [verdict for each in seen.trace["scores"] if (verdict := _human(each)) is not None]
    if False in verdicts or (not verdicts and seen.thumb is not None and seen.thumb < 0):
        return Skipped.WENT_WRONG
    if verdicts:
        return Basis.HUMAN
    return Basis.THUMB if seen.thumb is not None and seen.thumb > 0 else Skipped.NO_VERDICT


def _human(score: Mapping[str, Any]) -> bool | None:
    """Whether a person passed the whole trace under one name; None for any other score."""
    if score["source"] != "human" or score["span_id"] or score["status"] != "ok":
        return None
    if score["label"] in ("pass", "fail"):
        return bool(score["label"] == "pass")
    if score["score"] is None:
        return None
    threshold = _DEFAULT_THRESHOLD if score["threshold"] is None else score["threshold"]
    if lower_is_better(score["name"]):
        return bool(score["score"] <= threshold)
    return bool(score["score"] >= threshold)


def _ranked(spans: Sequence[RetrievalSpan]) -> _Ranked:
    """The retriever's and the reranker's documents; a text may come from any stage that has it."""
    found = retrieval(spans)
    return _Ranked(
        _with_text(found.retrieved, found.texts), _with_text(found.reranked or found.retrieved, found.texts)
    )


def _with_text(passages: Sequence[Passage], texts: Mapping[str, str]) -> list[Passage]:
    found = (
        Passage(document_id=each.document_id, content=each.content or texts.get(each.document_id, ""))
        for each in passages
    )
    return [each for each in found if each.content.strip()]


def _positive(ranked: _Ranked, basis: Basis, gold: Sequence[str]) -> tuple[Passage | None, tuple[str, ...]]:
    """The best document that is right, None when its text is unknown; and the ids of all that are."""
    if basis is Basis.GOLD:
        right = tuple(dict.fromkeys(gold))
        everything = (*ranked.final, *ranked.retrieved)
        return next((each for each in everything if each.document_id in right), None), right
    first = (ranked.final or ranked.retrieved)[0]
    return first, (first.document_id,) if first.document_id else ()


def _negatives(
    ranked: _Ranked, positive: Passage | None, right: Sequence[str]
) -> list[tuple[Passage, Nearness]]:
    """Every wrong document with how near it came, the hardest first, each text once."""
    known = {_plain(each.content) for each in (*ranked.final, *ranked.retrieved) if each.document_id in right}
    if positive is not None:
        known.add(_plain(positive.content))
    found: list[tuple[Passage, Nearness]] = []
    for each in (*ranked.final, *ranked.retrieved):
        if _plain(each.content) not in known:
            known.add(_plain(each.content))
            found.append((each, _nearness(each, positive, ranked)))
    order = list(Nearness)
    return sorted(found, key=lambda pair: order.index(pair[1]))


def _nearness(each: Passage, positive: Passage | None, ranked: _Ranked) -> Nearness:
    if _rank(each, ranked.final) < _rank(positive, ranked.final):
        return Nearness.ABOVE
    if _rank(each, ranked.retrieved) < _rank(positive, ranked.retrieved):
        return Nearness.RERANKED
    return Nearness.BELOW


def _rank(wanted: Passage | None, passages: Sequence[Passage]) -> int:
    """The place of a document, by its text; behind the last where it is not there."""
    if wanted is not None:
        text = _plain(wanted.content)
        for place, each in enumerate(passages):
            if _plain(each.content) == text:
                return place
    return len(passages)


def _plain(text: str) -> str:
    """A text whose copies are one document: without the differences of case and space."""
    return " ".join(text.split()).casefold()


def _row(
    seen: Seen,
    basis: Basis,
    positive: Passage | None,
    right: tuple[str, ...],
    negative: Passage,
    nearness: Nearness,
) -> Row:
    trace = seen.trace
    metadata: Mapping[str, str] = trace["metadata"]
    expected = metadata.get(EXPECTED_ANSWER)
    if not expected and basis is not Basis.GOLD:
        expected = trace["answer"]  # the verdict was about this answer
    return Row(
        query=trace["query"],
        positive_chunk=positive.content if positive else None,
        hard_negative_chunk=negative.content,
        embedding_model_version=trace["encoder"],
        expected_answer=expected,
        positive_ids=right,
        metadata={
            key: value
            for key, value in metadata.items()
            if key != EXPECTED_ANSWER and not key.startswith(BOOKKEEPING)
        },
        trace_id=trace["trace_id"],
        document_id=positive.document_id if positive else None,
        hard_negative_id=negative.document_id,
        intent=metadata.get("intent"),
        model_version=trace["llm_model"],
        source=f"mined: {basis}, negative {nearness}",
    )
