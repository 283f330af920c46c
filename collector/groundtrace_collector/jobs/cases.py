"""Cases for evaluators: a batch of traces with their texts, in two statements, or three where a cache answered."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from groundtrace_collector.jobs.board import Task
from groundtrace_collector.jobs.context import RetrievalSpan, context_documents, retrieved_scores
from groundtrace_collector.jobs.protocol import CaseMessage, EvaluatorRef
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store
from groundtrace_collector.store.trace_key import trace_keys

_Trace = tuple[str, str]


async def build_cases(store: Store, tasks: Sequence[Task]) -> list[CaseMessage]:
    """One case a trace with all its evaluators, in the tasks' order.

    Tasks whose trace is gone, or has other inputs by now than the task was made for, have none.
    """
    wanted: dict[tuple[_Trace, int], list[EvaluatorRef]] = defaultdict(list)
    for task in tasks:
        ref = EvaluatorRef(name=task.evaluator, version=task.version)
        wanted[((task.project, task.trace_id), task.input_hash)].append(ref)
    rows = await _traces(store, sorted({trace for trace, _ in wanted}))
    documents = await retrieval_spans(store, rows)
    cached = await _cached_queries(store, rows)
    hoped = await _hoped_for(store, rows)
    return [
        _case(rows[trace], documents[trace], cached.get(trace), hoped.get(trace, {}), refs)
        for (trace, input_hash), refs in wanted.items()
        if trace in rows and rows[trace]["InputHash"] == input_hash
    ]


async def _traces(store: Store, traces: Sequence[_Trace]) -> dict[_Trace, Mapping[str, Any]]:
    rows = await store.query(statement(__package__, "case_traces"), _bound(traces))
    return {(row["Project"], row["TraceId"]): row for row in rows}


async def retrieval_spans(
    store: Store, traces: Mapping[_Trace, Mapping[str, Any]]
) -> defaultdict[_Trace, list[RetrievalSpan]]:
    """What each trace's spans say of documents, span by span, earliest first."""
    documents: defaultdict[_Trace, list[RetrievalSpan]] = defaultdict(list)
    if traces:
        for row in await store.query(statement(__package__, "case_documents"), _within(traces)):
            events = list(zip(row["EventNames"], row["EventAttributes"], strict=True))
            span = RetrievalSpan(
                row["Kind"],
                row["Documents"],
                events,
                is_distance=row["IsDistance"],
                began_ns=int(row["BeganNs"]),
                ended_ns=int(row["EndedNs"]),
            )
            documents[row["Project"], row["TraceId"]].append(span)
    return documents


async def _cached_queries(store: Store, traces: Mapping[_Trace, Mapping[str, Any]]) -> dict[_Trace, str]:
    """The query that was answered before, of the traces that a cache answered."""
    hits = {trace: row for trace, row in traces.items() if row["CacheHit"]}
    if not hits:
        return {}
    rows = await store.query(statement(__package__, "case_cached"), _within(hits))
    return {(row["Project"], row["TraceId"]): row["CachedQuery"] for row in rows}


async def _hoped_for(
    store: Store, traces: Mapping[_Trace, Mapping[str, Any]]
) -> dict[_Trace, Mapping[str, Any]]:
    """What the dataset rows of these traces say, rows of the trace's project before those of none."""
    of_rows = {trace: row["DatasetRow"] for trace, row in traces.items() if row["DatasetRow"]}
    if not of_rows:
        return {}
    asked = {
        "row_ids": sorted(set(of_rows.values())),
        "projects": sorted({project for project, _ in of_rows}),
    }
    rows = await store.query(statement(__package__, "case_rows"), asked)
    found = {(row["Project"], row["RowId"]): row for row in rows}
    return {
        trace: found.get((trace[0], row_id)) or found.get(("", row_id), {})
        for trace, row_id in of_rows.items()
    }


def _within(traces: Mapping[_Trace, Mapping[str, Any]]) -> dict[str, object]:
    return _bound(list(traces)) | {"seqs": sorted({seq for row in traces.values() for seq in row["Seqs"]})}


def _bound(traces: Sequence[_Trace]) -> dict[str, object]:
    return {
        "projects": sorted({project for project, _ in traces}),
        "trace_ids": [trace_id for _, trace_id in traces],
        "trace_keys": trace_keys(trace_id for _, trace_id in traces),
    }


def _case(
    row: Mapping[str, Any],
    spans: Sequence[RetrievalSpan],
    cached_query: str | None,
    hoped: Mapping[str, Any],
    refs: Sequence[EvaluatorRef],
) -> CaseMessage:
    context = context_documents(spans)
    return CaseMessage(
        project=row["Project"],
        trace_id=row["TraceId"],
        span_id=row["RootSpanId"],
        input_hash=row["InputHash"],
        query=row["Query"] or None,
        context=tuple(passage.content for passage in context),
        context_ids=tuple(passage.document_id for passage in context),
        answer=row["Answer"] or None,
        expected=row["Expected"] or hoped.get("Expected") or None,
        cached_query=cached_query,
        retrieved_ids=tuple(row["RetrievedIds"]),
        retrieved_scores=retrieved_scores(spans, row["RetrievedIds"]),
        relevant_ids=tuple(row["GoldIds"] or hoped.get("Positives", ())),
        evaluators=tuple(refs),
    )
