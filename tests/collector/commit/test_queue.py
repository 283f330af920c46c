"""Acknowledged means durable, once, and a store that is away delays and never loses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from groundtrace_collector.commit.queue import CommitQueue
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.errors import ApiError, StoreError, UnavailableError
from groundtrace_collector.gate.frame import varint
from groundtrace_collector.gate.gate import CheckedRequest
from groundtrace_collector.store.broken import set_aside_broken
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.store import Store
from tests.collector.conftest import BASE_URL, RETENTION_DAYS
from tests.collector.otlp import SpanDict, new_trace_id, otlp_request

PROTOBUF = {"content-type": "application/x-protobuf"}


def request(*trace_ids: str) -> CheckedRequest:
    body = otlp_request([{"trace_id": trace_id} for trace_id in trace_ids])
    return CheckedRequest(body=body, spans=len(trace_ids))


async def count(store: Store, table: str = "otel_traces") -> int:
    return int((await store.query(f"SELECT count() AS n FROM {table}"))[0]["n"])  # noqa: S608


@pytest.fixture
def config(store: Store, tmp_path: Path) -> CollectorConfig:
    return CollectorConfig(
        store=store.url, data_dir=tmp_path / "data", grpc_port=None, worker=False, linger_ms=0
    )


@pytest.fixture
async def commits(config: CollectorConfig, store: Store) -> AsyncIterator[CommitQueue]:
    queue = CommitQueue(config, store)
    queue.start()
    await queue.ready.wait()
    yield queue
    await queue.close()


@pytest.fixture
async def impatient(config: CollectorConfig, store: Store) -> AsyncIterator[CommitQueue]:
    """A queue that keeps nobody waiting for long, for tests in which the store is away."""
    queue = CommitQueue(config.model_copy(update={"wait_s": 0.3}), store)
    queue.start()
    await queue.ready.wait()
    yield queue
    await queue.close()


async def test_the_same_body_is_stored_once(commits: CommitQueue, store: Store) -> None:
    same = request(new_trace_id())

    await asyncio.gather(commits.submit(same), commits.submit(same))
    await commits.submit(same)

    assert await count(store) == 1


async def test_one_body_of_two_projects_is_stored_twice(commits: CommitQueue, store: Store) -> None:
    same = request(new_trace_id())

    await commits.submit(same, project="a")
    await commits.submit(same, project="b")

    assert await store.query("SELECT Project FROM otel_traces ORDER BY Project") == [
        {"Project": "a"}, {"Project": "b"},
    ]  # fmt: skip


async def test_a_forged_project_loses_against_the_keys(commits: CommitQueue, store: Store) -> None:
    forged = request(new_trace_id()).body + b"\xc2\x3e\x05forge" + b"\xc8\x3e\x01"  # fields 1000 and 1001

    await commits.submit(CheckedRequest(body=forged, spans=1), project="bound")

    rows = await store.query("SELECT Project, Seq > 1 AS ours FROM otel_traces")
    assert rows == [{"Project": "bound", "ours": 1}]


async def test_spans_of_one_commit_share_its_sequence(commits: CommitQueue, store: Store) -> None:
    await commits.submit(request(new_trace_id(), new_trace_id()))
    await commits.submit(request(new_trace_id()))

    rows = await store.query("SELECT Seq, count() AS n FROM otel_traces GROUP BY Seq ORDER BY Seq")
    assert [row["n"] for row in rows] == [2, 1]


async def test_a_commit_waits_for_a_body_that_is_being_read(commits: CommitQueue, store: Store) -> None:
    await commits.submit(request(new_trace_id()))  # what a commit takes is known now
    early, late = new_trace_id(), new_trace_id()

    with commits.coming():
        waits = asyncio.create_task(commits.submit(request(early)))
        await asyncio.sleep(0.01)
    await commits.submit(request(late))
    await waits

    (row,) = await store.query(
        "SELECT uniqExact(Seq) AS commits FROM otel_traces WHERE TraceId IN {ids:Array(String)}",
        {"ids": [early, late]},
    )
    assert row["commits"] == 1


async def test_a_body_that_never_comes_holds_no_commit_up(commits: CommitQueue, store: Store) -> None:
    await commits.submit(request(new_trace_id()))
    commits._took_s = 600.0  # the store was away while it was to be stored

    with commits.coming():
        await asyncio.wait_for(commits.submit(request(new_trace_id())), timeout=30)

    assert await count(store) == 2


async def test_segments_that_a_killed_process_left_are_stored_once(
    config: CollectorConfig, store: Store
) -> None:
    first = CommitQueue(config, store)
    first.start()
    await first.submit(request(new_trace_id()))
    segments = list((config.data_dir / "segments").iterdir())
    copies = {segment: segment.read_bytes() for segment in segments}
    await first.close()
    for segment, content in copies.items():
        segment.write_bytes(content)

    seen: list[int] = []
    second = CommitQueue(config, store, on_commit=lambda seq, _more: seen.append(seq))
    second.start()
    await second.ready.wait()
    await second.close()

    assert len(copies) == len(seen) == 1
    assert await count(store) == 1
    assert list((config.data_dir / "segments").iterdir()) == []


@pytest.fixture
async def forgetful(store: Store) -> AsyncIterator[Store]:
    """A store that remembers the token of one block: as one does of a thousand, each day of a commit a block."""
    tables = [
        row["name"]
        for row in await store.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() "
            "AND engine_full LIKE '%non_replicated_deduplication_window = 1000%'"
        )
    ]
    try:
        for table in tables:
            await store.command(f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 1")
        yield store
    finally:
        for table in tables:
            await store.command(
                f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 1000"
            )


async def test_what_the_store_has_is_not_stored_again_when_it_has_forgotten_its_token(
    config: CollectorConfig, forgetful: Store
) -> None:
    first = CommitQueue(config, forgetful)
    first.start()
    for _ in range(2):
        await first.submit(CheckedRequest(body=otlp_request([retrieval("d1", "d2")]), spans=1))
    left = {path: path.read_bytes() for path in (config.data_dir / "segments").iterdir()}
    await first.close()
    for path, content in left.items():
        path.write_bytes(content)

    second = CommitQueue(config, forgetful)
    second.start()
    await second.ready.wait()
    await second.close()

    assert len(left) == 2
    assert (await count(forgetful), await count(forgetful, "retrieved_documents")) == (2, 4)


@pytest.mark.parametrize("table", ["otel_traces", "retrieved_documents"])
async def test_rows_that_a_power_cut_took_are_stored_again(
    config: CollectorConfig, store: Store, table: str
) -> None:
    first = CommitQueue(config, store)
    first.start()
    await first.submit(CheckedRequest(body=otlp_request([retrieval("d1", "d2"), retrieval("d3")]), spans=2))
    segments = config.data_dir / "segments"
    (segment,) = segments.iterdir()
    left = segment.read_bytes()
    await first.close()
    segment.write_bytes(left)
    # The store loses the part, and keeps the token by which it knows the segment.
    await store.command(f"ALTER TABLE {table} DELETE WHERE 1 SETTINGS mutations_sync = 2")

    second = CommitQueue(config, store)
    second.start()
    await second.ready.wait()
    await second.close()

    assert (await count(store), await count(store, "retrieved_documents")) == (2, 3)
    assert list(segments.iterdir()) == []


def retrieval(*ids: str) -> SpanDict:
    """A retriever's span of a trace of its own, with the documents of these ids."""
    places = {f"retrieval.documents.{place}.document.id": each for place, each in enumerate(ids)}
    return {"trace_id": new_trace_id(), "kind": "RETRIEVER", "attributes": places}


def break_newest_part(driver: Driver) -> None:
    """What a disk that fills up may leave: a part without its marks."""
    (part,) = driver.query(
        "SELECT path FROM system.parts WHERE active AND database = currentDatabase() "
        "AND table = 'otel_traces' ORDER BY max_block_number DESC LIMIT 1"
    )
    (marks,) = Path(part["path"]).glob("data.cmrk*")
    marks.write_bytes(b"")
    driver.command("SYSTEM DROP MARK CACHE")


async def test_after_a_fault_what_was_stored_is_looked_through_before_it_is_forgotten(
    collector: Collector, store: Store
) -> None:
    commits = collector.commits
    await commits.submit(request(new_trace_id()))
    await collector.settler.idle()
    await commits.submit(request(new_trace_id(), new_trace_id()))
    await store.ingest.run(break_newest_part)
    await store.settling.run(set_aside_broken)
    await collector.settler.idle()  # without the spans of the part that is gone
    await store.command("ALTER TABLE traces DELETE WHERE SpanCount > 0 SETTINGS mutations_sync = 2")
    commits._in_doubt = True

    await commits._retire()
    await collector.settler.idle()

    assert await count(store) == 3
    assert await count(store, "traces") == 3, "the commits are settled once more"
    assert list((collector.config.data_dir / "segments").iterdir()) == []
    await store.command(
        "ALTER TABLE otel_traces DROP DETACHED PARTITION ALL SETTINGS allow_drop_detached = 1"
    )


async def test_a_part_that_a_full_disk_broke_is_set_aside_and_its_rows_are_stored_again(
    commits: CommitQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = request(new_trace_id())
    await commits.submit(kept)
    real, attempts = Driver.insert_file, 0

    def fill_up(driver: Driver, table: str, path: Path, **given: Any) -> None:
        """The first time the part is written, but without its marks, and the insert fails."""
        nonlocal attempts
        attempts += 1
        real(driver, table, path, **given)
        if attempts == 1:
            break_newest_part(driver)
            raise StoreError("Cannot reserve 1.00 MiB, not enough space", engine_code=243)

    monkeypatch.setattr(Driver, "insert_file", fill_up)
    await commits.submit(CheckedRequest(body=otlp_request([retrieval("d1")]), spans=1))

    assert await count(store) == 2
    assert await count(store, "retrieved_documents") == 1
    detached = await store.query("SELECT table FROM system.detached_parts WHERE database = currentDatabase()")
    assert [row["table"] for row in detached] == ["otel_traces"]
    await store.command(
        "ALTER TABLE otel_traces DROP DETACHED PARTITION ALL SETTINGS allow_drop_detached = 1"
    )


@pytest.mark.parametrize("name", ["notes.segment", "00000000000000000007-left.segment"])
async def test_a_segment_that_cannot_be_read_holds_nothing_up(
    config: CollectorConfig, store: Store, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue = CommitQueue(config, store)
    (config.data_dir / "segments" / name).mkdir()
    queue.start()

    await asyncio.wait_for(queue.submit(request(new_trace_id())), timeout=30)
    await queue.close()

    assert await count(store) == 1
    assert f"Segment {name.removesuffix('.segment')} cannot be" in caplog.text


async def test_a_fault_of_the_driver_leaves_no_segment_behind(
    commits: CommitQueue, config: CollectorConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = request(new_trace_id())
    with monkeypatch.context() as patch:
        patch.setattr(Driver, "insert_file", lambda *_args, **_settings: 1 / 0)
        with pytest.raises(UnavailableError, match="its log says why"):
            await commits.submit(same)
    assert list((config.data_dir / "segments").iterdir()) == []

    await commits.submit(same)

    assert await count(store) == 1


async def test_a_body_whose_answer_was_lost_is_known_after_a_restart(
    config: CollectorConfig, store: Store
) -> None:
    same = request(new_trace_id())
    for _ in range(2):
        queue = CommitQueue(config, store)
        queue.start()
        await queue.ready.wait()
        await queue.submit(same)
        await queue.close()

    assert await count(store) == 1


async def test_while_the_store_is_away_requests_wait_and_then_get_503(
    impatient: CommitQueue, store: Store
) -> None:
    await store.command("DETACH TABLE otlp_in")
    in_segment = asyncio.create_task(impatient.submit(request(new_trace_id())))
    while not impatient.trouble:  # noqa: ASYNC110  (nothing tells of it)
        await asyncio.sleep(0.01)
    waiting = request(new_trace_id())
    with pytest.raises(UnavailableError, match=r"does not take spans: .*otlp_in"):
        await impatient.submit(waiting)
    assert not in_segment.done(), "it is in a segment and will be stored"

    await store.command("ATTACH TABLE otlp_in")
    await asyncio.wait_for(in_segment, timeout=15)
    await impatient.submit(waiting)

    assert await count(store) == 2


async def test_a_body_that_comes_again_while_the_store_is_away_does_not_pile_up(
    impatient: CommitQueue, store: Store
) -> None:
    same = request(new_trace_id())
    await store.command("DETACH TABLE otlp_in")
    try:
        in_segment = asyncio.create_task(impatient.submit(same))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="the same request came before"):
            await asyncio.wait_for(impatient.submit(same), timeout=30)
        assert not in_segment.done()
    finally:
        await store.command("ATTACH TABLE otlp_in")
    await asyncio.wait_for(in_segment, timeout=30)
    await impatient.submit(same)

    assert await count(store) == 1


async def test_more_than_may_wait_is_refused_at_once(config: CollectorConfig, store: Store) -> None:
    queue = CommitQueue(config.model_copy(update={"waiting_bytes": 10}), store)
    first = asyncio.create_task(queue.submit(request(new_trace_id())))
    await asyncio.sleep(0)

    with pytest.raises(UnavailableError, match="too much is waiting"):
        await queue.submit(request(new_trace_id()))
    await queue.close()
    with pytest.raises(UnavailableError):
        await first


async def test_a_body_larger_than_all_the_room_is_taken_when_it_is_alone(
    config: CollectorConfig, store: Store
) -> None:
    queue = CommitQueue(config.model_copy(update={"waiting_bytes": 1 << 20}), store)
    queue.start()
    await queue.ready.wait()

    with queue.reading() as count_read:
        for _ in range(3):
            count_read(1 << 20)
    body = otlp_request([{"trace_id": new_trace_id(), "attributes": {"key": "x" * (2 << 20)}}])
    await queue.submit(CheckedRequest(body=body, spans=1))

    assert await count(store) == 1
    await queue.close()


async def test_bodies_that_are_being_read_wait_too(config: CollectorConfig, store: Store) -> None:
    queue = CommitQueue(config.model_copy(update={"waiting_bytes": 1 << 20}), store)

    with queue.reading() as count:
        count(1 << 20)
        with pytest.raises(UnavailableError, match="too much is waiting to be stored"):
            queue.check_room(1)
        with queue.reading() as count_another, pytest.raises(UnavailableError):
            count_another(1)
    queue.check_room(1 << 20)
    await queue.close()


async def test_a_disk_that_cannot_be_written_is_503_and_heals(
    commits: CommitQueue, config: CollectorConfig, store: Store
) -> None:
    segments = config.data_dir / "segments"
    segments.rmdir()
    with pytest.raises(UnavailableError, match="cannot write"):
        await commits.submit(request(new_trace_id()))

    segments.mkdir()
    await commits.submit(request(new_trace_id()))

    assert await count(store) == 1


async def test_a_request_that_only_protobuf_understands_spoils_no_other(
    commits: CommitQueue, store: Store
) -> None:
    odd = ExportTraceServiceRequest.FromString(request(new_trace_id()).body)
    span = odd.resource_spans[0].scope_spans[0].spans[0]
    # Field 5 (name) as a number: protobuf takes it for an unknown field, ClickHouse refuses the request.
    spoilt_span = span.SerializeToString() + b"\x28\x01"
    spoilt_scope = b"\x12" + bytes([len(spoilt_span)]) + spoilt_span
    spoilt = b"\x0a" + bytes([len(spoilt_scope) + 2]) + b"\x12" + bytes([len(spoilt_scope)]) + spoilt_scope
    assert (
        ExportTraceServiceRequest.FromString(spoilt).resource_spans[0].scope_spans[0].spans[0].name == "step"
    )

    await asyncio.gather(
        commits.submit(CheckedRequest(body=spoilt, spans=1)), commits.submit(request(new_trace_id()))
    )

    assert await count(store) == 2


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def undecodable() -> bytes:
    """A request that neither ClickHouse nor protobuf's own class can decode."""
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=time.time_ns()).SerializeToString()
    spans = field(2, field(2, span + b"\x28\x01"))  # the name as a number: ClickHouse refuses it
    resource = field(1, field(3, b"\xff"))  # entity_refs, broken
    return field(1, resource + spans)


async def test_a_request_that_nobody_can_decode_is_put_aside_and_spoils_no_other(
    collector: Collector,
) -> None:
    bad, good = CheckedRequest(body=undecodable(), spans=1), request(new_trace_id())
    refused, accepted = await asyncio.wait_for(
        asyncio.gather(collector.commits.submit(bad), collector.commits.submit(good), return_exceptions=True),
        timeout=20,
    )

    assert isinstance(refused, ApiError)
    assert (refused.status, refused.code) == (400, "undecodable")
    assert accepted is None
    assert await count(collector.store) == 1
    (aside,) = (collector.config.data_dir / "quarantine").iterdir()
    assert aside.read_bytes() == bad.body


async def test_a_request_that_needs_more_memory_than_there_is_blocks_no_other(
    config: CollectorConfig, store: Store, engine_dir: Path
) -> None:
    small = await Store.open(
        store.url, data_dir=engine_dir, memory_bytes=64 << 20, retention_days=RETENTION_DAYS
    )
    commits = CommitQueue(config, small)
    commits.start()
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=time.time_ns()).SerializeToString()
    dense = CheckedRequest(body=field(1, field(2, field(2, span + b"\x5a\x00" * 2_000_000))), spans=1)

    with pytest.raises(ApiError, match="Query memory limit exceeded") as refused:
        await asyncio.wait_for(commits.submit(dense), timeout=30)
    await asyncio.wait_for(commits.submit(request(new_trace_id())), timeout=30)
    await commits.close()
    await small.close()

    assert refused.value.status == 400
    assert await count(store) == 1
    assert len(list((config.data_dir / "quarantine").iterdir())) == 1


async def test_a_culprit_that_cannot_be_put_aside_is_refused_all_the_same(collector: Collector) -> None:
    bad = CheckedRequest(body=undecodable(), spans=1)
    (collector.config.data_dir / "quarantine").rmdir()
    with pytest.raises(ApiError, match="cannot decode"):
        await asyncio.wait_for(collector.commits.submit(bad), timeout=20)

    await asyncio.wait_for(collector.commits.submit(request(new_trace_id())), timeout=20)


async def test_a_closed_queue_refuses_and_leaves_no_segment(
    commits: CommitQueue, config: CollectorConfig, store: Store
) -> None:
    kept = [asyncio.create_task(commits.submit(request(new_trace_id()))) for _ in range(20)]
    await asyncio.sleep(0)
    await commits.close()
    await asyncio.gather(*kept)

    with pytest.raises(UnavailableError, match="stopping"):
        await commits.submit(request(new_trace_id()))
    assert await count(store) == 20
    assert list((config.data_dir / "segments").iterdir()) == []


async def test_two_hundred_senders_at_once_are_all_stored(collector: Collector) -> None:
    transport = httpx.ASGITransport(app=create_app(collector))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        bodies = [otlp_request([{"trace_id": new_trace_id()}]) for _ in range(200)]
        answers = await asyncio.gather(
            *(client.post("/v1/traces", content=b, headers=PROTOBUF) for b in bodies)
        )

    assert {answer.status_code for answer in answers} == {200}
    assert await count(collector.store) == 200
    commits = await collector.store.query("SELECT uniqExact(Seq) AS n FROM otel_traces")
    assert commits[0]["n"] < 50, "they are committed in groups"
