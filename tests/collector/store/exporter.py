"""Rows as OpenTelemetry's ClickHouse exporter inserts them: these columns, and no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import clickhouse_connect

COLUMNS = (
    "Timestamp", "TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind", "ServiceName",
    "ResourceAttributes", "ScopeName", "ScopeVersion", "SpanAttributes", "Duration", "StatusCode", "StatusMessage",
    "Events.Timestamp", "Events.Name", "Events.Attributes",
    "Links.TraceId", "Links.SpanId", "Links.TraceState", "Links.Attributes",
)  # fmt: skip


def exported(
    trace_id: str, span_id: str, attributes: Mapping[str, str], *, parent: str = "", kind: str = "Internal",
    resource: Mapping[str, str] | None = None, events: Iterable[tuple[str, Mapping[str, str]]] = (),
) -> list[Any]:  # fmt: skip
    """One row: a span of 5 ms that has just begun."""
    at = datetime.now(UTC)
    listed = list(events)
    named = {"service.name": "app", **(resource or {})}
    return [
        at, trace_id, span_id, parent, "", "step", kind, "app", named, "scope", "1.0", dict(attributes), 5_000_000,
        "Ok", "", [at for _ in listed], [name for name, _ in listed], [dict(each) for _, each in listed],
        ["ab" * 16], ["cd" * 8], [""], [{"why": "linked"}],
    ]  # fmt: skip


def export(dsn: str, database: str, rows: list[list[Any]]) -> None:
    """Insert rows over a connection of its own, as a block by column name."""
    client = clickhouse_connect.get_client(dsn=dsn, database=database, compress=False)
    try:
        client.insert("otel_traces", rows, column_names=COLUMNS)
    finally:
        client.close()


def rag_trace(trace_id: str) -> list[list[Any]]:
    """A question, its documents as a vector store's events, and the answer of a model, in the exporter's rows."""
    root, hits = "aa" * 8, ("Refunds take five working days.", "Parcels are returned free of charge.")
    events = [
        ("db.query.result", {"db.query.result.id": f"doc-{n}", "db.query.result.document": text})
        for n, text in enumerate(hits)
    ]
    answer = {
        "gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.input_tokens": "1000", "gen_ai.usage.output_tokens": "100",
        "gen_ai.usage.cache_read.input_tokens": "400",
    }  # fmt: skip
    return [
        exported(
            trace_id, root, {"input.value": "How long do refunds take?", "output.value": hits[0]}, kind="Server",
            resource={"openinference.project.name": "theirs"},
        ),
        exported(
            trace_id, "bb" * 8, {"db.system": "chroma", "db.operation": "query"}, parent=root, events=events,
            resource={"openinference.project.name": "theirs"},
        ),
        exported(
            trace_id, "cc" * 8, answer, parent=root, kind="Client",
            resource={"openinference.project.name": "theirs"},
        ),
    ]  # fmt: skip
