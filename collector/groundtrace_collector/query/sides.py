"""The two sides of a comparison: two values of a dimension, or two windows of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from groundtrace_collector.query.dimensions import dimension
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.times import iso_time, nanoseconds, parse_time

if TYPE_CHECKING:
    from groundtrace_collector.query.filters import TraceFilter

WINDOW = "window"
"""The dimension whose values are spans of time, written `START/END`."""
_STARTED = "toUnixTimestamp64Nano(StartedAt)"
_FOREVER = 2**63 - 1
_HOW = "write START/END, such as 14d/7d or 2026-01-01/2026-01-08, or START/ for until now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What tells the sides apart, as SQL over `traces`, and the filter narrowed to what either may have."""

    by: str
    either: str
    """Whether a trace is of one side or the other."""
    candidate: str
    """Whether such a trace is the candidate's."""
    parameters: dict[str, object]
    filter: TraceFilter
    watched: bool
    """Whether more traces may come, so that whoever looks again sees a sample that has grown."""


def sides_of(by: str, base: str, candidate: str, wanted: TraceFilter) -> Sides:
    """Base and candidate of a comparison by ``by``; raises QueryError for what is not understood."""
    if base == candidate:
        raise QueryError("invalid_comparison", f"base and candidate are both {base!r}: name two values")
    if by.strip() == WINDOW:
        return _windows(base, candidate, wanted)
    of = dimension(by, prefix="side")
    return Sides(
        by=of.name,
        either=f"{of.sql} IN ({{side_base:String}}, {{side_candidate:String}})",
        candidate=f"{of.sql} = {{side_candidate:String}}",
        parameters={**of.parameters, "side_base": base, "side_candidate": candidate},
        filter=wanted,
        watched=not wanted.until,
    )


def _windows(base: str, candidate: str, wanted: TraceFilter) -> Sides:
    now = wanted.now or datetime.now(UTC)
    both = {"base": _window("base", base, now), "candidate": _window("candidate", candidate, now)}
    (one_start, one_end), (other_start, other_end) = both.values()
    if one_start < other_end and other_start < one_end:
        raise QueryError(
            "invalid_comparison", f"the windows {base} and {candidate} overlap: move one of them"
        )
    start, end = min(one_start, other_start), max(one_end, other_end)
    inside = {
        side: f"({_STARTED} >= {{{side}_start:Int64}} AND {_STARTED} < {{{side}_end:Int64}})" for side in both
    }
    return Sides(
        by=WINDOW,
        either=f"({inside['base']} OR {inside['candidate']})",
        candidate=inside["candidate"],
        parameters={
            f"{side}_{name}": moment
            for side, window in both.items()
            for name, moment in zip(("start", "end"), window, strict=True)
        },
        filter=replace(
            wanted,
            now=now,
            since=wanted.since or iso_time(start),
            until=wanted.until or (None if end == _FOREVER else iso_time(end)),
        ),
        watched=not wanted.until and end > nanoseconds(now),
    )


def _window(side: str, text: str, now: datetime) -> tuple[int, int]:
    """Start and end in nanoseconds, the end excluded; without an end it is open."""
    start, slash, end = (part.strip() for part in text.partition("/"))
    if not (start and slash):
        raise QueryError("invalid_time", f"{side}: {text!r} is not a window; {_HOW}")
    window = _moment(side, start, now), _moment(side, end, now) if end else _FOREVER
    if window[0] >= window[1]:
        raise QueryError("invalid_time", f"{side}: the window {text} ends before it starts")
    return window


def _moment(side: str, text: str, now: datetime) -> int:
    try:
        return parse_time(text, now=now)
    except ValueError as error:
        raise QueryError("invalid_time", f"{side}: {error}; {_HOW}") from None
