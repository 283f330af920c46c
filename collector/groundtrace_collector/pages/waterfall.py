"""The spans of a trace as an indented list with bars on one time axis."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from groundtrace_collector.pages import formats
from groundtrace_collector.pages.text import Budget, Text

ROWS = 400
DEEPEST = 12
"""Deeper spans are indented no further; their level is still told."""
_ROW_BYTES = 900
_ATTRIBUTE_BYTES = 400
_VALUE_BYTES = 1_500
_SPAN_BYTES = 12_000
_KINDS = frozenset(
    {"CHAIN", "EMBEDDING", "RETRIEVER", "RERANKER", "LLM", "TOOL", "AGENT", "GUARDRAIL", "EVALUATOR"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of a span or an event."""

    key: Text
    value: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a span."""

    name: Text
    offset: str
    attributes: tuple[Attribute, ...]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRow:
    """One span: its bar in percent of the trace, and what is folded under it."""

    span_id: str
    name: Text
    kind: str
    known_kind: str
    """The kind in lower case where the style sheet has a colour for it, else ``other``."""
    status: str
    level: int
    indent: int
    left_percent: float
    width_percent: float
    duration: str
    cost: str
    """Empty for a span that no price is known for."""
    offset: str
    attributes: tuple[Attribute, ...]
    events: tuple[Event, ...]
    hidden: int
    """Attributes and events that the page leaves to the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The rows, parents before their children, children by start."""

    rows: tuple[SpanRow, ...]
    total: str
    ticks: tuple[str, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    total_ms: float

    def offset_ms(self, at: str) -> float:
        return (datetime.fromisoformat(at) - self.start) / timedelta(milliseconds=1)

    def percent(self, ms: float) -> float:
        return round(min(max(100 * ms / self.total_ms, 0.0), 100.0), 2) if self.total_ms else 0.0


def waterfall(spans: Sequence[Mapping[str, Any]], budget: Budget) -> Waterfall:
    """Lay the spans out; every span gets its row before any gets its attributes."""
    axis = _axis(spans)
    placed = []
    for span, level in _tree(spans)[:ROWS]:
        if not budget.spend(_ROW_BYTES):
            break
        placed.append((span, level, budget.text(span["name"], 200)))
    return Waterfall(
        rows=tuple(_row(span, level, name, axis, budget) for span, level, name in placed),
        total=formats.duration(axis.total_ms),
        ticks=tuple(formats.duration(axis.total_ms * part / 4) for part in range(5)),
        hidden=len(spans) - len(placed),
    )


def _row(span: Mapping[str, Any], level: int, name: Text, axis: _Axis, budget: Budget) -> SpanRow:
    start_ms = axis.offset_ms(span["started_at"])
    purse = Budget(min(_SPAN_BYTES, budget.left_bytes))
    given = purse.left_bytes
    attributes = _attributes(span["attributes"], purse)
    events = _events(span["events"], axis, purse)
    budget.spend(given - purse.left_bytes)
    kind = str(span["kind"] or "")
    left = axis.percent(start_ms)
    return SpanRow(
        span_id=span["span_id"],
        name=name,
        kind=kind,
        known_kind=kind.lower() if kind in _KINDS else "other",
        status=span["status"],
        level=level,
        indent=min(level, DEEPEST),
        left_percent=min(left, 99.6),
        # A bar too short to see would say that the span was not there.
        width_percent=max(min(axis.percent(span["duration_ms"]), 100 - left), 0.4),
        duration=formats.duration(span["duration_ms"]),
        cost="" if span.get("cost_usd") is None else formats.dollars(span["cost_usd"]),
        offset=formats.duration(start_ms),
        attributes=attributes,
        events=events,
        hidden=len(span["attributes"]) - len(attributes) + len(span["events"]) - len(events),
    )


def _attributes(attributes: Mapping[str, Any], budget: Budget) -> tuple[Attribute, ...]:
    shown = []
    for key, value in sorted(attributes.items()):
        if not budget.spend(_ATTRIBUTE_BYTES):
            break
        shown.append(Attribute(key=budget.text(key, 300), value=budget.folded(value, _VALUE_BYTES)))
    return tuple(shown)


def _events(events: Sequence[Mapping[str, Any]], axis: _Axis, budget: Budget) -> tuple[Event, ...]:
    shown = []
    for event in events:
        if not budget.spend(_ATTRIBUTE_BYTES):
            break
        name = budget.text(event["name"], 200)
        attributes = _attributes(event["attributes"], budget)
        shown.append(
            Event(
                name=name,
                offset=formats.duration(axis.offset_ms(event["at"])),
                attributes=attributes,
                hidden=len(event["attributes"]) - len(attributes),
            )
        )
    return tuple(shown)


def _axis(spans: Sequence[Mapping[str, Any]]) -> _Axis:
    starts = [datetime.fromisoformat(span["started_at"]) for span in spans]
    first = min(starts, default=datetime.now(UTC))
    ends = [
        (start - first) / timedelta(milliseconds=1) + span["duration_ms"]
        for start, span in zip(starts, spans, strict=True)
    ]
    return _Axis(first, max(ends, default=0.0))


def _by_start(span: Mapping[str, Any]) -> tuple[datetime, float]:
    return datetime.fromisoformat(span["started_at"]), -span["duration_ms"]


def _tree(spans: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
    """The spans with their level from 0, depth first and without recursion: traces may be any depth.

    A span whose parent is not stored starts a tree of its own; so does the earliest of a ring of spans
    that are each other's parents, which only a faulty or hostile client sends.
    """
    ordered = sorted(spans, key=_by_start)
    known = {span["span_id"] for span in spans}
    children: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for span in ordered:
        children[span["parent_span_id"] or ""].append(span)
    tops = [span for span in ordered if (span["parent_span_id"] or "") not in known]
    placed: list[tuple[Mapping[str, Any], int]] = []
    seen: set[str] = set()
    for top in [*tops, *ordered]:
        stack = [(top, 0)]
        while stack:
            span, level = stack.pop()
            if span["span_id"] in seen:
                continue
            seen.add(span["span_id"])
            placed.append((span, level))
            stack.extend((child, level + 1) for child in reversed(children[span["span_id"]]))
    return placed
