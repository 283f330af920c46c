"""What a trace's row keeps in one column for lists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from groundtrace_collector.query.traces import LISTED, TraceQuery, get_trace, list_traces
from tests.collector.rows import trace, trace_id

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store


async def test_a_row_keeps_what_lists_show_in_the_order_that_it_is_read_in(store: Store) -> None:
    given = {
        **{name: f'the "{name}" of ü\n' for name in LISTED},
        **{name: number for number, name in enumerate(LISTED) if name.startswith("Tokens")},
        **{name: [f"{name} 1", f"{name} 2"] for name in ("Encoders", "Tags", "GoldIds", "ErrorTypes")},
        "Incomplete": True,
        "SpanCount": 7,
        "TokensReasoning": None,
        "TokensPrompt": 2**53 + 1,
        "CostUsd": 0.1 + 0.2,
        "Metadata": {"key": "value", 'a "key"': ""},
    }
    await store.insert("traces", [trace("a", **given)])

    (row,) = await store.query("SELECT Listed FROM traces")

    assert dict(zip(LISTED, json.loads(row["Listed"]), strict=True)) == given


async def test_a_trace_whose_text_is_not_unicode_is_shown(store: Store) -> None:
    await store.insert("traces", [trace("a")])
    columns = await store.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'traces' "
        "AND default_kind != 'MATERIALIZED' AND name NOT IN ('Version', 'Name')"
    )
    others = ", ".join(f"`{row['name']}`" for row in columns)
    await store.command(
        f"INSERT INTO traces (Version, Name, {others}) "  # noqa: S608
        f"SELECT Version + 1, concat('a', unhex('FF')), {others} FROM traces"
    )

    shown = await get_trace(store, trace_id("a"))
    listed = await list_traces(store, TraceQuery())

    assert shown is not None
    assert shown["name"] == listed["traces"][0]["name"] == "a\N{REPLACEMENT CHARACTER}"


async def test_an_event_is_dated_to_the_nanosecond(store: Store) -> None:
    moment = "2026-11-21 10:00:00.123456789"
    await store.command(
        "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, Project, Seq, `Events.Timestamp`, "
        "`Events.Name`, `Events.Attributes`) SELECT {at:DateTime64(9)}, {id:String}, 's', 'ask', 'app', 7, "
        "[{at:DateTime64(9)}], ['token'], [map('a', 'b')]",
        {"at": moment, "id": trace_id("a")},
    )
    await store.insert("traces", [trace("a", Seqs=[7])])

    shown = await get_trace(store, trace_id("a"))

    assert shown is not None
    (span,) = shown["spans"]
    at = "2026-11-21T10:00:00.123456789Z"
    assert span["started_at"] == at
    assert span["events"] == [{"name": "token", "at": at, "attributes": {"a": "b"}}]
