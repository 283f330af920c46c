"""Lists of traces, their number, and one trace with all that is known about it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from groundtrace_collector.prices.table import NO_PRICES, PriceTable, Usage
from groundtrace_collector.query import shapes
from groundtrace_collector.query.documents import documents_of
from groundtrace_collector.query.filters import Selection, TraceFilter, selection_of
from groundtrace_collector.query.page import (
    NEWEST_FIRST,
    Order,
    Position,
    behind,
    checked_limit,
    order_of,
    position_of,
)
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.trace_key import trace_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from groundtrace_collector.store.store import Store

TraceDetail = dict[str, Any]
"""The listed fields, and `spans`, `documents`, `evaluations`, `feedback`, `gold_document_ids`."""

# Reads of many rows for a few: a second thread costs more than it saves, and the same columns are asked for again.
_MANY_ROWS = {"max_threads": 1, "use_uncompressed_cache": 1}
# Reads of some traces by their ids: their statements say what to read first, the indexes where it lies, and
# planning them costs more than reading. Parts that the indexes leave out are left before any column is opened.
_FEW_ROWS = {"max_threads": 1, "query_plan_enable_optimizations": 0, "use_skip_indexes_on_data_read": 0}
# Of spans and documents the key itself says where they lie.
_BY_KEY = {**_FEW_ROWS, "use_skip_indexes": 0}

LISTED = (
    *("Name", "Service", "Status", "Incomplete", "SpanCount", "Session", "User", "Encoder", "Encoders"),
    *("Reranker", "LlmModel", "PromptVersion", "Route", "TokensPrompt", "TokensCompletion"),
    *("TokensCacheRead", "TokensCacheWrite", "TokensReasoning", "CostUsd", "Metadata", "Tags", "DatasetRow"),
    *("GoldIds", "ErrorTypes"),
)
"""The columns of `traces` that its column Listed holds, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """A list as a user asks for it; ``order`` is `field` or `-field`, ``cursor`` a list's `next_cursor`."""

    filter: TraceFilter = field(default_factory=TraceFilter)
    limit: int | None = None
    cursor: str | None = None
    order: str | None = None


class TracePage(TypedDict):
    """One page: the traces, and the cursor of the next page or None on the last."""

    traces: list[dict[str, Any]]
    next_cursor: str | None


async def list_traces(store: Store, query: TraceQuery) -> TracePage:
    """The traces that match, in order; raises QueryError for parameters that cannot be understood."""
    order, limit = order_of(query.order), checked_limit(query.limit)
    position = position_of(query.cursor, order) if query.cursor else None
    selection = await selection_of(store, query.filter)
    found = await _page(store, selection, order, limit + 1, position)
    shown = found[:limit]
    scores = await _scores(store, [row["TraceId"] for _, row in shown])
    return {
        "traces": [shapes.listed_trace(row, scores.get(row["TraceId"], ())) for _, row in shown],
        "next_cursor": shown[-1][0].text(order) if len(found) > limit else None,
    }


async def count_traces(store: Store, query: TraceQuery) -> dict[str, int]:
    """`{"traces", "spans"}` of the traces that match; limit, cursor and order do not matter."""
    selection = await selection_of(store, query.filter)
    sql = statement(__package__, "traces_count").replace("CONDITION", selection.sql)
    (row,) = await store.query(sql, selection.parameters, settings=_MANY_ROWS)
    return {"traces": int(row["Traces"]), "spans": int(row["Spans"])}


async def get_trace(
    store: Store, trace_id: str, project: str | None = None, *, prices: PriceTable = NO_PRICES
) -> TraceDetail | None:
    """Everything about one trace, or None when it is not stored (in ``project``, where given).

    The trace's cost is as it was settled; a span's, where it says none itself, is by ``prices``. A span arrives
    before its trace is settled, at most a second later; until then the answer is None.
    """
    rows = await _newest(store, [trace_id], project=project)
    if not rows:
        return None
    # One id in two projects is a sender's mistake; the newer trace is shown.
    row = max(rows, key=lambda each: int(each["StartedNs"]))
    spans = await _spans(store, row, prices)
    documents = await store.query(statement(__package__, "trace_documents"), _bounds(row), settings=_BY_KEY)
    said = await _verdicts(store, row)
    return {
        **shapes.listed_trace(row, said["score"]),
        "spans": spans,
        "documents": documents_of(documents, spans),
        "evaluations": [
            shapes.evaluation({**each, "Reason": each["Explanation"], "Job": each["Method"]})
            for each in _newest_of(said["evaluation"], "Seq", ("Evaluator", "EvaluatorVersion", "SpanId"))
        ],
        "feedback": [
            shapes.feedback({**each, "Value": each["Score"], "Comment": each["Explanation"]})
            # What was said before the trace came has no project yet, and is replaced all the same.
            for each in _newest_of(said["feedback"], "Seq", ("Name",))
        ],
        "gold_document_ids": list(row["GoldIds"]),
    }


async def _page(
    store: Store, selection: Selection, order: Order, wanted: int, position: Position | None
) -> list[tuple[Position, Mapping[str, Any]]]:
    """The first ``wanted`` traces behind ``position`` with their sort keys, each in its newest version.

    Candidates come in order, old versions among them. One whose version is not the newest is dropped: the
    newest stands elsewhere in the order or no longer matches, and is found there or not at all.
    """
    page: list[tuple[Position, Mapping[str, Any]]] = []
    # Traces that are still arriving have several versions until the next merge.
    chunk = 3 * wanted + 50
    while True:
        candidates = await _candidates(store, selection, order, chunk, position)
        pending = _last_versions(candidates)
        while pending and len(page) < wanted:
            window, pending = pending[: wanted - len(page)], pending[wanted - len(page) :]
            newest = await _newest(store, [each["TraceId"] for each in window])
            rows = {(row["Project"], row["TraceId"], row["Version"]): row for row in newest}
            page += [(_position(each), rows[_key(each)]) for each in window if _key(each) in rows]
        if len(page) >= wanted or len(candidates) < chunk:
            return page
        position, chunk = _position(candidates[-1]), 2 * chunk


def _last_versions(candidates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One candidate a trace, the one of its highest version, in order."""
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in candidates:
        key = (each["Project"], each["TraceId"])
        if key not in last or each["Version"] > last[key]["Version"]:
            last[key] = each
    kept = {_key(each): each for each in candidates if last[(each["Project"], each["TraceId"])] is each}
    return list(kept.values())


def _key(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["Project"], row["TraceId"], row["Version"]


def _position(candidate: Mapping[str, Any]) -> Position:
    return Position(
        missing=int(candidate["SortMissing"]),
        value=candidate["SortValue"],
        trace_id=candidate["TraceId"],
        project=candidate["Project"],
    )


async def _candidates(
    store: Store, selection: Selection, order: Order, count: int, position: Position | None
) -> list[dict[str, Any]]:
    if order.name == NEWEST_FIRST and not selection.expressed:
        # The newest traces lie in a few small parts; the others are not read if these have enough.
        window = _last(selection, position)
        for window_s in (60, 3_600):
            newest = await _candidates_in(store, selection, order, count, position, (window, window_s))
            if len(newest) == count:
                return newest
    return await _candidates_in(store, selection, order, count, position, ("1", 0))


def _last(selection: Selection, position: Position | None) -> str:
    """The seconds before the cursor, else before the end of the time asked for, else before the newest trace."""
    if position is not None:
        end = "fromUnixTimestamp64Nano({cursor_value:Int64})"
    elif "until_ns" in selection.parameters:
        end = "fromUnixTimestamp64Nano({until_ns:Int64})"
    else:
        return "StartedAt >= (SELECT max(StartedAt) FROM traces) - toIntervalSecond({window_s:UInt32})"
    return f"StartedAt BETWEEN {end} - toIntervalSecond({{window_s:UInt32}}) AND {end}"


async def _candidates_in(
    store: Store,
    selection: Selection,
    order: Order,
    count: int,
    position: Position | None,
    window: tuple[str, int],
) -> list[dict[str, Any]]:
    after, values = behind(position, order)
    sql = (
        statement(__package__, "traces_candidates")
        .replace("SORT_MISSING", order.missing_sql)
        .replace("SORT_VALUE", order.value_sql)
        .replace("DIRECTION", "DESC" if order.descending else "ASC")
        .replace("AFTER_CURSOR", after)
        .replace("WINDOW", window[0])
        .replace("CONDITION", selection.sql)
    )
    parameters = {**selection.parameters, **values, "candidates": count, "window_s": window[1]}
    return await store.query(sql, parameters, settings=_MANY_ROWS)


async def _newest(
    store: Store, trace_ids: Sequence[str], *, project: str | None = None
) -> list[Mapping[str, Any]]:
    if not trace_ids:
        return []
    parameters = {
        "trace_ids": sorted(set(trace_ids)),
        "trace_keys": trace_keys(trace_ids),
        "project": project or "",
    }
    rows = await store.query(statement(__package__, "traces_rows"), parameters, settings=_FEW_ROWS)
    newest = _newest_of(rows, "Version", ("Project", "TraceId"))
    return [{**row, **dict(zip(LISTED, json.loads(row["Listed"]), strict=True))} for row in newest]


def _newest_of(
    rows: Iterable[Mapping[str, Any]], number: str, key: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    """Of the rows with one key the one of the highest ``number``, the highest first.

    Done here, not by the statement: of a few rows it costs less than planning it.
    """
    newest: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda each: int(each[number]), reverse=True):
        newest.setdefault(tuple(row[name] for name in key), row)
    return list(newest.values())


async def _scores(store: Store, trace_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The score rows of each trace id, in whatever project."""
    found: dict[str, list[dict[str, Any]]] = {trace_id: [] for trace_id in trace_ids}
    if found:
        sql = statement(__package__, "scores_of_traces")
        for row in await store.query(sql, {"trace_ids": sorted(found)}, settings=_FEW_ROWS):
            found[row["TraceId"]].append(row)
    return found


async def _verdicts(store: Store, row: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of one trace by what they are: `score`, `evaluation`, `feedback`."""
    of_trace = {"trace_id": row["TraceId"], "project": row["Project"]}
    found: dict[str, list[dict[str, Any]]] = {"score": [], "evaluation": [], "feedback": []}
    for each in await store.query(statement(__package__, "trace_verdicts"), of_trace, settings=_FEW_ROWS):
        found[each["Kind"]].append(each)
    return found


def _bounds(row: Mapping[str, Any]) -> dict[str, object]:
    """Where the spans lie that a trace was settled from."""
    return {"trace_id": row["TraceId"], "project": row["Project"], "seqs": row["Seqs"]}


async def _spans(store: Store, row: Mapping[str, Any], prices: PriceTable) -> list[dict[str, Any]]:
    sql = statement(__package__, "trace_spans")
    rows = await store.query(sql, _bounds(row), settings=_BY_KEY)
    # A sender's retry may have stored a span twice.
    spans: dict[str, Mapping[str, Any]] = {}
    for span in sorted(rows, key=lambda each: (int(each["StartedNs"]), each["SpanId"])):
        spans.setdefault(span["SpanId"], span)
    return [shapes.span(span, cost_usd=_cost_usd(span, prices)) for span in spans.values()]


def _cost_usd(span: Mapping[str, Any], prices: PriceTable) -> float | None:
    """What a span says that it cost, else what its tokens cost."""
    if span["CostUsd"] is not None or not span["Model"]:
        cost: float | None = span["CostUsd"]
        return cost
    usage = Usage(
        prompt=span["TokensPrompt"],
        completion=span["TokensCompletion"],
        cache_read=span["TokensCacheRead"],
        cache_write=span["TokensCacheWrite"],
    )
    return prices.cost_usd(span["Model"], span["StartedNs"], usage, is_llm=span["Kind"] == "LLM")
