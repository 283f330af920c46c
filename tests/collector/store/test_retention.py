"""How long rows are kept follows the setting, on a new store and on one that had another."""

import asyncio
import time

from groundtrace_collector.store.retention import AGE_OF, keep_days
from groundtrace_collector.store.store import Store
from tests.collector.conftest import RETENTION_DAYS, Send
from tests.collector.otlp import new_trace_id


async def _kept(store: Store) -> dict[str, str]:
    """The TTL of each table that has one."""
    rows = await store.query(
        "SELECT name, extract(engine_full, 'TTL .*?(toIntervalDay\\\\([0-9]+\\\\))') AS kept"
        " FROM system.tables WHERE database = currentDatabase() AND kept != ''"
    )
    return {row["name"]: row["kept"] for row in rows}


async def test_each_table_that_grows_with_traffic_drops_its_rows_after_the_days_set(store: Store) -> None:
    assert await _kept(store) == dict.fromkeys(AGE_OF, f"toIntervalDay({RETENTION_DAYS + 1})")


async def test_a_span_as_old_as_the_gate_takes_is_kept(send: Send, store: Store) -> None:
    await store.ingest.run(lambda driver: keep_days(driver, 30))  # the days of the collector's gate

    await send([{"trace_id": new_trace_id(), "start_ns": time.time_ns() - (30 * 86_400 - 60) * 10**9}])
    await store.command("OPTIMIZE TABLE otel_traces FINAL")

    assert await store.query("SELECT count() AS n FROM otel_traces") == [{"n": 1}]
    assert await store.query("SELECT count() AS n FROM traces FINAL") == [{"n": 1}]


async def test_another_retention_reaches_every_table_of_a_store_that_exists(store: Store) -> None:
    await store.ingest.run(lambda driver: keep_days(driver, 7))

    assert await _kept(store) == dict.fromkeys(AGE_OF, "toIntervalDay(8)")


async def test_another_retention_reaches_the_rows_that_are_there(send: Send, store: Store) -> None:
    trace_id = new_trace_id()
    attributes = {"retrieval.documents.0.document.id": "d1", "input.value": "why?"}
    await send([{"trace_id": trace_id, "kind": "RETRIEVER", "attributes": attributes}])
    assert await _last_days(store) == {"otel_traces", "retrieved_documents", "traces"}

    await store.ingest.run(lambda driver: keep_days(driver, 7))

    async with asyncio.timeout(30):
        while await _last_days(store):  # noqa: ASYNC110  (the engine sets no event)
            await asyncio.sleep(0.05)
    read = "SELECT SpanAttributes['input.value'] AS Input FROM otel_traces WHERE Kind = 'RETRIEVER'"
    assert await store.query(read) == [{"Input": "why?"}]


async def _last_days(store: Store) -> set[str]:
    """The tables with rows that are to go later than in nine days."""
    rows = await store.query(
        "SELECT table AS Table FROM system.parts WHERE database = currentDatabase() AND active AND rows > 0"
        " AND delete_ttl_info_max > now() + INTERVAL 9 DAY"
    )
    return {row["Table"] for row in rows}
