"""Scores as a page shows them, and the reasons where there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from groundtrace_collector.pages import answer, formats
from groundtrace_collector.pages.formats import Moment
from groundtrace_collector.pages.text import Budget, Text, one_line
from groundtrace_collector.query.metrics import lower_is_better

_CARDS = 40
_CARD_BYTES = 1_200
_PIECES = 30
_PIECE_BYTES = 350
_DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A score in one line of a list."""

    name: str
    value: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of evidence."""

    text: Text
    score: str
    supported: bool | None
    missing: str
    passage: int | None
    """Rank, from 1, of the context passage that supports it best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCard:
    """One score of the trace page, or one evaluation that gave none."""

    name: str
    value: str
    """Empty where there is no number; then ``status`` and ``explanation`` say why."""
    probability: str
    """The chance that people would agree with a score of 1, where a calibration knows it."""
    label: str
    verdict: str
    """``pass``, ``fail`` or empty."""
    status: str
    explanation: Text
    pieces: tuple[Piece, ...]
    hidden_pieces: int
    origin: str
    """Who said so and how: evaluator, version, method, source."""
    span_id: str
    at: Moment | None


def chip(name: str, score: Mapping[str, Any]) -> Chip:
    """A score of a listed trace."""
    value = formats.number(score["score"], 2) if score["score"] is not None else one_line(score["label"], 24)
    return Chip(name=_title(name), value=value or formats.NOTHING, failed=failed(name, score))


def failed(name: str, score: Mapping[str, Any]) -> bool:
    """Whether a score counts as failed, as `fail_rate` counts: by its label fail or pass, else by its number.

    The number is held to its evaluator's threshold; another label says nothing of it.
    """
    if score.get("label") in ("fail", "pass"):
        return bool(score["label"] == "fail")
    if score.get("score") is None:
        return False
    threshold = score.get("threshold")
    limit = _DEFAULT_THRESHOLD if threshold is None else threshold
    return bool(score["score"] > limit if lower_is_better(name) else score["score"] < limit)


def cards(
    scores: Sequence[Mapping[str, Any]], ledger: Sequence[Mapping[str, Any]], budget: Budget, now: datetime
) -> tuple[tuple[ScoreCard, ...], int]:
    """The trace's own scores first, then those of its spans, then the evaluations without a score.

    Also returned: how many the page leaves to the JSON.
    """
    ordered = sorted(scores, key=lambda score: (bool(score["span_id"]), score["name"], score["source"]))
    scored = {(score["evaluator"], score["version"]) for score in scores}
    unscored = [
        row for row in ledger if row["status"] != "ok" and (row["evaluator"], row["version"]) not in scored
    ]
    shown: list[ScoreCard] = []
    for score in ordered:
        if len(shown) < _CARDS and budget.spend(_CARD_BYTES):
            shown.append(_scored(score, budget, now))
    for row in unscored:
        if len(shown) < _CARDS and budget.spend(_CARD_BYTES):
            shown.append(_unscored(row, budget, now))
    return tuple(shown), len(ordered) + len(unscored) - len(shown)


def origin(score: Mapping[str, Any]) -> str:
    """Who gave a score and how; an evaluator of the score's own name need not be named again."""
    evaluator = score["evaluator"] if score["evaluator"] != score["name"] else ""
    version = f"version {score['version']}" if score["version"] else ""
    parts = (score["source"], evaluator, version, score["method"])
    return " · ".join(dict.fromkeys(one_line(part, 60) for part in parts if part))


def _scored(score: Mapping[str, Any], budget: Budget, now: datetime) -> ScoreCard:
    pieces = answer.evidence(score)
    has_number = score["score"] is not None
    shown = tuple(_piece(piece, budget) for piece in pieces[:_PIECES] if budget.spend(_PIECE_BYTES))
    verdict = "fail" if failed(score["name"], score) else "pass"
    return ScoreCard(
        name=_title(score["name"]),
        value=formats.number(score["score"], 2) if has_number else "",
        probability=_probability(score),
        label=one_line(score["label"], 60),
        verdict=verdict if has_number or score["label"] in ("pass", "fail") else "",
        status=score["status"] or "ok",
        explanation=budget.text(score["explanation"], 1_500),
        pieces=shown,
        hidden_pieces=len(pieces) - len(shown),
        origin=origin(score),
        span_id=score["span_id"] or "",
        at=formats.moment(score["created_at"], now),
    )


def _probability(score: Mapping[str, Any]) -> str:
    found = score.get("probability")
    return "" if found is None else formats.number(found, 2)


def _unscored(row: Mapping[str, Any], budget: Budget, now: datetime) -> ScoreCard:
    return ScoreCard(
        name=_title(row["evaluator"]),
        value="",
        probability="",
        label="",
        verdict="",
        status=row["status"],
        explanation=budget.text(row["reason"], 1_500),
        pieces=(),
        hidden_pieces=0,
        origin=f"evaluator · version {one_line(row['version'], 60)}",
        span_id=row.get("span_id") or "",
        at=formats.moment(row["created_at"], now),
    )


def _piece(piece: Mapping[str, Any], budget: Budget) -> Piece:
    score, passage, supported = piece.get("score"), piece.get("passage"), piece.get("supported")
    return Piece(
        text=budget.text(piece["text"], 800),
        score=formats.number(score, 2) if isinstance(score, int | float) else "",
        supported=supported if isinstance(supported, bool) else None,
        missing=budget.text(", ".join(answer.missing_words(piece)), 500).shown,
        passage=passage + 1 if isinstance(passage, int) else None,
    )


def _title(name: str) -> str:
    return formats.words(one_line(name, 60))
