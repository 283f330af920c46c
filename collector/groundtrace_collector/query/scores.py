"""Lists of scores and of feedback."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query import shapes
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import INTERNAL_PROJECT, TraceFilter, select
from groundtrace_collector.query.origins import SOURCES
from groundtrace_collector.query.page import checked_limit
from groundtrace_collector.query.saved import narrowed
from groundtrace_collector.query.times import parse_time
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictQuery:
    """Which scores or feedback: of one trace, name, source; of the traces that ``where`` and a saved cohort find.

    ``since`` and ``until`` bound the time of the score itself. ``project`` is the one a key is bound to; the saved
    cohort is one of project ``cohorts_of``, None: of those of none.
    """

    trace_id: str | None = None
    name: str | None = None
    source: str | None = None
    where: str | None = None
    cohort: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int | None = None
    cursor: str | None = None
    project: str | None = None
    cohorts_of: str | None = None


async def list_scores(store: Store, query: VerdictQuery) -> dict[str, Any]:
    """`{"scores": [...], "next_cursor": …}`, newest first; a score before its trace has no project yet."""
    rows, cursor = await _list(store, query, "scores_listed")
    scores = [shapes.score(row) | {"project": row["Project"] or None} for row in rows]
    return {"scores": scores, "next_cursor": cursor}


async def list_feedback(store: Store, query: VerdictQuery) -> dict[str, Any]:
    """`{"feedback": [...], "next_cursor": …}`, newest first."""
    rows, cursor = await _list(store, query, "feedback_listed")
    return {"feedback": [shapes.feedback(row) for row in rows], "next_cursor": cursor}


async def _list(store: Store, query: VerdictQuery, name: str) -> tuple[list[dict[str, Any]], str | None]:
    limit = checked_limit(query.limit)
    sql, parameters = await condition(store, query)
    rows = await store.query(
        statement(__package__, name).replace("CONDITION", sql), {**parameters, "rows": limit + 1}
    )
    return rows[:limit], str(rows[limit - 1]["Seq"]) if len(rows) > limit else None


async def condition(store: Store, query: VerdictQuery) -> tuple[str, dict[str, object]]:
    """SQL over columns that scores and feedback share, and its values; raises QueryError."""
    where = await narrowed(store, query.where, query.cohort, project=query.cohorts_of)
    return _condition(replace(query, where=where))


def _condition(query: VerdictQuery) -> tuple[str, dict[str, object]]:
    if query.source and query.source not in SOURCES:
        raise QueryError("unknown_source", f"unknown source {query.source!r}; there are {', '.join(SOURCES)}")
    now = datetime.now(UTC)
    known: list[tuple[str, str, object]] = [
        ("TraceId = {trace_id:String}", "trace_id", query.trace_id.lower() if query.trace_id else None),
        ("Name = {name:String}", "name", query.name or None),
        ("Source = {source:String}", "source", query.source or None),
        (
            "CreatedAt >= fromUnixTimestamp64Milli({since:Int64})",
            "since",
            _milliseconds("since", query.since, now),
        ),
        (
            "CreatedAt < fromUnixTimestamp64Milli({until:Int64})",
            "until",
            _milliseconds("until", query.until, now),
        ),
        ("Seq < {cursor:UInt64}", "cursor", _seq(query.cursor)),
        ("Project = {project:String}", "project", query.project),
    ]
    parts = [sql for sql, _, value in known if value is not None]
    parameters = {name: value for _, name, value in known if value is not None}
    if query.project is None:
        parts.append("Project != {internal:String}")
        parameters["internal"] = INTERNAL_PROJECT
    if query.where:
        traces = select(TraceFilter(where=query.where, project=query.project, now=now))
        parts.append(statement(__package__, "scores_where").strip().replace("CONDITION", traces.sql))
        parameters |= traces.parameters
    return " AND ".join(parts), parameters


def _milliseconds(name: str, text: str | None, now: datetime) -> int | None:
    if not text:
        return None
    try:
        return parse_time(text, now=now) // 1_000_000
    except ValueError as error:
        raise QueryError("invalid_time", f"{name}: {error}") from None


def _seq(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 20):
        raise QueryError(
            "invalid_cursor", f"{cursor!r} is not a cursor: pass on the next_cursor of a list as it is"
        )
    return int(cursor)
