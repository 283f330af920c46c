"""Rows out of traces, a page of traces at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from groundtrace_collector.datasets.hard_negatives import Seen, Skipped, rows_of
from groundtrace_collector.jobs.cases import retrieval_spans
from groundtrace_collector.query.traces import TraceQuery, list_traces
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.trace_key import trace_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.datasets.row import Row
    from groundtrace_collector.query.filters import TraceFilter
    from groundtrace_collector.store.store import Store

MAX_NEGATIVES: Final = 10
_PAGE_TRACES: Final = 100
_OLDEST_FIRST: Final = "started_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningQuery:
    """Which traces, from which on, and how many rows each may give."""

    filter: TraceFilter
    cursor: str | None
    negatives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """What a page of traces gave: the rows of each trace that gave some, and why the others gave none."""

    traces: int
    found: Sequence[Sequence[Row]]
    skipped: Counter[Skipped]
    next_cursor: str | None


async def mine(store: Store, query: MiningQuery) -> Mined:
    """The rows of the next page of traces, oldest first: the same traces give the same rows in the same order.

    Raises QueryError for a filter or a cursor that cannot be understood.
    """
    wanted = TraceQuery(filter=query.filter, limit=_PAGE_TRACES, cursor=query.cursor, order=_OLDEST_FIRST)
    page = await list_traces(store, wanted)
    skipped: Counter[Skipped] = Counter()
    found: list[list[Row]] = []
    for seen in await _seen(store, page["traces"]):
        rows = rows_of(seen, negatives=query.negatives)
        if isinstance(rows, Skipped):
            skipped[rows] += 1
        else:
            found.append(rows)
    return Mined(traces=len(page["traces"]), found=found, skipped=skipped, next_cursor=page["next_cursor"])


async def _seen(store: Store, traces: Sequence[Mapping[str, Any]]) -> list[Seen]:
    """The traces of a list with what it does not show of them."""
    if not traces:
        return []
    ids = [trace["trace_id"] for trace in traces]
    rows = await store.query(
        statement(__package__, "mining_traces"), {"trace_ids": ids, "trace_keys": trace_keys(ids)}
    )
    known = {(row["Project"], row["TraceId"]): row for row in rows}
    listed = {key: trace for trace in traces if (key := (trace["project"], trace["trace_id"])) in known}
    spans = await retrieval_spans(store, {key: known[key] for key in listed})
    return [
        Seen(
            trace=trace,
            gold=[each for each in known[key]["GoldIds"] if each],
            thumb=known[key]["Thumb"],
            spans=spans[key],
        )
        for key, trace in listed.items()
    ]
