"""The trace page: where one answer came from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from groundtrace_collector.pages import answer, formats, scores
from groundtrace_collector.pages.answer import Segment
from groundtrace_collector.pages.documents import Ranking, ranking
from groundtrace_collector.pages.formats import Moment
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.scores import ScoreCard
from groundtrace_collector.pages.text import Budget, Text, html_bytes, one_line
from groundtrace_collector.pages.waterfall import Waterfall, waterfall

_QUERY_BYTES = 6_000
_ANSWER_BYTES = 24_000
_PAIR_BYTES = 250
_SEGMENT_BYTES = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person said about the trace."""

    name: str
    value: str
    comment: Text
    at: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePage(Page):
    """Everything on the trace page, cut to fit."""

    template: ClassVar[str] = "trace.html"
    section: ClassVar[str] = "traces"
    trace_id: str
    status: str
    incomplete: bool
    started: Moment | None
    query: Text
    answer: tuple[Segment, ...]
    answer_cut_chars: int
    unsupported: int
    ranking: Ranking
    scores: tuple[ScoreCard, ...]
    hidden_scores: int
    facts: tuple[tuple[str, str], ...]
    details: tuple[tuple[str, Text], ...]
    feedback: tuple[Feedback, ...]
    waterfall: Waterfall


def trace_page(trace: Mapping[str, Any], now: datetime) -> TracePage:
    """The page of a trace in the API's shape."""
    budget = Budget()
    query = budget.text(trace["query"], _QUERY_BYTES)
    text = budget.text(trace["answer"], _ANSWER_BYTES)
    stretches = answer.segments(text.shown, _trace_level(trace["scores"]))
    budget.spend(sum(_SEGMENT_BYTES + html_bytes("".join(part.missing)) for part in stretches))
    ranked = ranking(trace["documents"], trace["spans"], trace.get("gold_document_ids") or (), budget)
    cards, hidden = scores.cards(trace["scores"], trace.get("evaluations") or (), budget, now)
    return TracePage(
        title=one_line(trace["name"], 120) or "Unnamed trace",
        json_url=f"/api/v1/traces/{quote(trace['trace_id'], safe='')}",
        trace_id=trace["trace_id"],
        status=trace["status"],
        incomplete=trace["incomplete"],
        started=formats.moment(trace["started_at"], now),
        query=query,
        answer=stretches,
        answer_cut_chars=text.cut_chars,
        unsupported=sum(segment.unsupported for segment in stretches),
        ranking=ranked,
        scores=cards,
        hidden_scores=hidden,
        facts=_facts(trace),
        details=_details(trace, budget),
        feedback=tuple(_feedback(row, budget, now) for row in trace.get("feedback") or ()),
        waterfall=waterfall(trace["spans"], budget),
    )


def _trace_level(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if not row["span_id"] and row["status"] in (None, "", "ok")]


def _facts(trace: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The line under the title: what ran, how long it took, what it cost."""
    tokens = [
        f"{formats.number(trace[key])} {label}"
        for key, label in (("tokens_prompt", "in"), ("tokens_completion", "out"))
        if trace[key] is not None
    ]
    facts = (
        ("Duration", formats.duration(trace["duration_ms"])),
        ("Tokens", " · ".join(tokens) or formats.NOTHING),
        ("Cost", formats.dollars(trace["cost_usd"])),
        ("Encoder", one_line(trace["encoder"], 80)),
        ("Reranker", one_line(trace["reranker"], 80)),
        ("LLM", one_line(trace["llm_model"], 80)),
        ("Project", one_line(trace["project"], 80)),
    )
    return tuple((name, value or formats.NOTHING) for name, value in facts)


def _details(trace: Mapping[str, Any], budget: Budget) -> tuple[tuple[str, Text], ...]:
    encoders = [name for name in trace["encoders"] if name != trace["encoder"]]
    rows: list[tuple[str, object]] = [
        ("trace id", trace["trace_id"]),
        ("service", trace["service"]),
        ("session", trace.get("session")),
        ("user", trace.get("user")),
        ("prompt version", trace["prompt_version"]),
        ("route", trace["route"]),
        ("other encoders", ", ".join(encoders)),
        ("tags", ", ".join(trace["tags"])),
    ]
    rows += [(f"metadata.{key}", _plain(value)) for key, value in sorted(trace["metadata"].items())]
    shown = []
    for name, value in rows:
        if value and budget.spend(_PAIR_BYTES):
            shown.append((one_line(name, 120), budget.text(value, 1_000)))
    return tuple(shown)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _feedback(row: Mapping[str, Any], budget: Budget, now: datetime) -> Feedback:
    value = row["value"]
    thumb = {1: "thumbs up", -1: "thumbs down"}.get(value) if row["name"] == "thumbs" else None
    shown = (
        formats.significant(value)
        if isinstance(value, int | float)
        else one_line(value or row.get("label"), 80)
    )
    return Feedback(
        name=formats.words(one_line(row["name"], 60)),
        value=thumb or shown,
        comment=budget.text(row.get("comment"), 1_500),
        at=formats.moment(row.get("created_at"), now),
    )
