"""The store keeps what it is given, and its sequence never goes back."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from groundtrace_collector.errors import StoreDownError
from groundtrace_collector.store.clock import Sequence
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store
from tests.collector.conftest import MEMORY_BYTES

ENDLESS = "SELECT count() AS n FROM numbers(1e15) WHERE sleepEachRow(0.02) = 1 SETTINGS max_block_size = 1"


async def test_an_inserted_row_is_read_back(store: Store) -> None:
    await store.insert(
        "feedback", [{"TraceId": "t", "Name": "thumbs", "Value": -1.0, "Seq": store.next_seq()}]
    )

    assert await store.query("SELECT TraceId, Name, Value FROM feedback FINAL") == [
        {"TraceId": "t", "Name": "thumbs", "Value": -1.0}
    ]


SYNCED = [
    ("jobs", {"Name": "quality", "Spec": "{}", "State": "active"}),
    ("feedback", {"TraceId": "t", "Name": "thumbs", "Value": -1.0}),
    ("saved_cohorts", {"Name": "german", "Expression": "metadata.language = 'de'", "Deleted": False}),
]


@pytest.mark.parametrize(("table", "row"), SYNCED, ids=[table for table, _ in SYNCED])
async def test_what_people_gave_is_on_disk_once_it_is_written(
    store: Store, table: str, row: dict[str, Any]
) -> None:
    before = await _syncs(store)

    await store.insert(table, [{**row, "Seq": store.next_seq()}])

    files, folders = await _syncs(store)
    assert (files > before[0], folders > before[1]) == (True, True)


async def _syncs(store: Store) -> tuple[int, int]:
    """How many files and folders this process's engine has synced."""
    events = "SELECT event, value FROM system.events WHERE event IN ('FileSync', 'DirectorySync')"
    counts = {row["event"]: int(row["value"]) for row in await store.query(events)}
    return counts.get("FileSync", 0), counts.get("DirectorySync", 0)


async def test_values_are_bound_not_formatted_in(store: Store) -> None:
    rows = await store.query("SELECT {text:String} AS text", {"text": "'; DROP TABLE traces; -- %s"})

    assert rows == [{"text": "'; DROP TABLE traces; -- %s"}]


async def test_closing_ends_what_still_runs(engine_dir: Path) -> None:
    store = await Store.open(
        f"chdb://{engine_dir}?database=closing",
        data_dir=engine_dir,
        memory_bytes=MEMORY_BYTES,
        retention_days=30,
    )
    running = [
        asyncio.create_task(store.query(ENDLESS)),
        asyncio.create_task(store.settling.run(lambda driver: driver.query(ENDLESS))),
    ]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await store.close()

    assert time.monotonic() - began < 5
    outcomes = await asyncio.gather(*running, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreDownError, StoreDownError]


async def test_a_long_question_is_ended_and_a_short_one_is_not(store: Store) -> None:
    short = asyncio.create_task(store.query("SELECT sleep(0.5) AS s"))
    long = asyncio.create_task(store.query(ENDLESS))
    await asyncio.sleep(0.2)

    await store.end_reads(longer_than_s=60.0)
    assert not long.done()
    await short
    await store.end_reads(longer_than_s=0.4)

    assert [type(each) for each in await asyncio.gather(long, return_exceptions=True)] == [StoreDownError]
    assert await short == [{"s": 0}]


def test_the_sequence_never_goes_back_when_the_clock_does() -> None:
    clock = iter([1_000, 900, 900, 2_000])
    sequence = Sequence(now_us=lambda: next(clock))

    assert [sequence.next() for _ in range(4)] == [1_000, 1_001, 1_002, 2_000]


async def test_a_start_takes_the_sequence_up_behind_every_row_that_has_a_number(store: Store) -> None:
    numbered = await store.query(
        "SELECT table AS Table FROM system.columns WHERE database = currentDatabase() AND name = 'Seq' "
        "AND table NOT LIKE '%_mv' AND table NOT IN ('otel_traces', 'retrieved_documents')"
    )
    tables = sorted(row["Table"] for row in numbered)

    for table in tables:
        seq = store.next_seq()
        day = {"Day": datetime.now(UTC).date()} if table == "job_spending" else {}  # else it is out of date
        await store.insert(table, [{"Seq": seq, **day}])
        (last,) = await store.query(statement("groundtrace_collector.store", "last_seq"))
        assert (table, last["Seq"]) == (table, seq)

    assert {"scores", "feedback", "jobs", "calibrations"} < set(tables)
