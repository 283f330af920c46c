"""What the collector asks of its driver, the same on both transports: chDB, and HTTP to a server."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from groundtrace_collector.commit.segment import write_segment
from groundtrace_collector.errors import ConfigError, StoreDownError, StoreError, StoreParseError
from groundtrace_collector.gate.frame import frame
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.engine import ENGINE_FOLDER, check_server_version
from groundtrace_collector.store.migrate import PACKAGE as MIGRATIONS
from groundtrace_collector.store.migrate import migrate, migration_names
from groundtrace_collector.store.sql import split_statements
from groundtrace_collector.store.store import ingest_settings
from tests.collector.otlp import new_trace_id, otlp_request
from tests.collector.store.conftest import Server

_seqs = itertools.count(time.time_ns() // 1_000)
DATABASE = "contract"


@dataclass(frozen=True)
class Transport:
    """One way to the engine."""

    url: str
    folder: Path

    def open(self, settings: dict[str, Any] | None = None, *, session: bool = False) -> Driver:
        return Driver.open(
            self.url,
            database=DATABASE,
            settings={"session_timezone": "UTC", **(settings or {})},
            engine_config=None,
            session=session,
        )


@pytest.fixture(scope="module", params=["chdb", "http"])
def transport(
    request: pytest.FixtureRequest, engine_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Transport:
    if request.param == "chdb":
        url = f"chdb://{engine_dir / ENGINE_FOLDER}"
    else:
        server: Server = request.getfixturevalue("server")
        url = server.url(DATABASE)
    first = Driver.open(url, database=None, settings={}, engine_config=None)
    first.command(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`")
    first.close()
    return Transport(url, tmp_path_factory.mktemp("segments"))


@pytest.fixture(scope="module")
def driver(transport: Transport) -> Iterator[Driver]:
    """A handle as ingest has it, on a database that has every table."""
    driver = transport.open(ingest_settings(transport.url, transport.folder))
    assert migrate(driver) == migration_names()
    yield driver
    driver.command(f"DROP DATABASE `{DATABASE}` SYNC")
    driver.close()


def segment(folder: Path, *bodies: bytes, name: str = "") -> tuple[Path, dict[str, str]]:
    """A segment as the commit queue writes it, and the settings that it is inserted with."""
    seq = next(_seqs)
    pieces = [piece for body in bodies for piece in frame(body, project="p", seq=seq, digest=bytes(16))]
    written = write_segment(folder, seq=seq, node="node", pieces=pieces)
    path = written.path.rename(folder / name) if name else written.path
    return path, {"insert_deduplication_token": written.token}


def spans(driver: Driver, *trace_ids: str) -> int:
    """How many spans of these traces are stored."""
    (row,) = driver.query(
        "SELECT count() AS n FROM otel_traces WHERE TraceId IN {ids:Array(String)}", {"ids": list(trace_ids)}
    )
    return int(row["n"])


def test_the_engine_says_its_version(driver: Driver) -> None:
    assert driver.engine_version.split(".")[0].isdigit()
    check_server_version(driver.engine_version)


@pytest.mark.parametrize("version", ["25.8.2.1", "26.4.9.9", "9.1"])
def test_an_older_server_is_refused_with_both_versions(version: str) -> None:
    with pytest.raises(ConfigError, match=f"is ClickHouse {version}; groundtrace needs 26.5 or newer"):
        check_server_version(version)


def test_migrating_again_changes_nothing(driver: Driver) -> None:
    assert migrate(driver) == []


class _Killed(BaseException):
    """As a kill: nothing of the code under test runs after it."""


def _migrate_until_killed(driver: Driver, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Migrate, and be killed when so many statements have run; a migration's record is one too."""
    left = itertools.count(after, -1)

    def until_killed(run: Callable[..., None]) -> Callable[..., None]:
        def once(*args: Any) -> None:
            if next(left) == 0:
                raise _Killed
            run(*args)

        return once

    with monkeypatch.context() as patched:
        patched.setattr(driver, "command", until_killed(driver.command))
        patched.setattr(driver, "insert_rows", until_killed(driver.insert_rows))
        with pytest.raises(_Killed):
            migrate(driver)


def _schema(driver: Driver, database: str) -> list[dict[str, Any]]:
    return driver.query(
        "SELECT table, name, type, default_expression FROM system.columns WHERE database = {name:String} ORDER BY ALL",
        {"name": database},
    )


def test_a_migration_that_was_killed_resumes(
    transport: Transport, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "killed"
    driver.command(f"CREATE DATABASE `{name}`")
    resumed = Driver.open(transport.url, database=name, settings={}, engine_config=None)
    try:
        first = split_statements(
            resources.files(MIGRATIONS).joinpath(f"{migration_names()[0]}.sql").read_text(encoding="utf-8")
        )
        _migrate_until_killed(resumed, monkeypatch, after=len(first) // 2)
        half = len(_schema(driver, name))
        # All of it ran, and its record is what is missing.
        _migrate_until_killed(resumed, monkeypatch, after=1 + len(first))

        assert 0 < half < len(_schema(driver, name))
        assert migrate(resumed) == migration_names()
        assert _schema(driver, name) == _schema(driver, DATABASE)
        assert migrate(resumed) == []
    finally:
        resumed.close()
        driver.command(f"DROP DATABASE `{name}` SYNC")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param("String", 'it\'s \\ a "text"\n\twith {braces} % and ünïcode', id="text"),
        pytest.param("Array(String)", ["a'b", "", "c\\d"], id="texts"),
        pytest.param("Array(UInt64)", [0, 2**64 - 1], id="numbers"),
        pytest.param("Nullable(Float64)", None, id="null"),
        pytest.param("Float64", 0.1, id="float"),
        pytest.param("Array(String)", [f"{n:0128x}" for n in range(2_000)], id="a-quarter-of-a-megabyte"),
    ],
)
def test_a_bound_value_comes_back_as_it_went(driver: Driver, kind: str, value: object) -> None:
    rows = driver.query(f"SELECT {{value:{kind}}} AS value", {"value": value})

    assert rows == [{"value": value}]


def test_a_query_has_rows_by_name_and_times_in_utc(driver: Driver) -> None:
    (row,) = driver.query("SELECT toDateTime64('2026-01-02 03:04:05.678', 3) AS at, map('k', 'v') AS m")

    assert row == {"at": datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC), "m": {"k": "v"}}


def test_columns_and_rows_come_in_order(driver: Driver) -> None:
    columns, rows = driver.query_columns("SELECT {a:UInt8} AS b, 'x' AS a", {"a": 7})

    assert (list(columns), [tuple(row) for row in rows]) == (["b", "a"], [(7, "x")])


def test_a_setting_of_the_handle_holds_for_every_call(transport: Transport, driver: Driver) -> None:
    limited = transport.open({"limit": 2, "log_comment": "o'clock"})
    question = "SELECT number, getSetting('log_comment') AS said FROM numbers(9)"

    assert limited.query(question) == limited.query(question) == [
        {"number": 0, "said": "o'clock"}, {"number": 1, "said": "o'clock"},
    ]  # fmt: skip
    assert len(driver.query("SELECT number FROM numbers(9)")) == 9
    limited.close()


def test_a_setting_of_a_call_ends_with_it(driver: Driver) -> None:
    question = "SELECT number FROM numbers(9)"

    assert len(driver.query(question, settings={"limit": 3})) == 3
    assert len(driver.query(question)) == 9


def test_a_handle_that_only_reads_cannot_write(transport: Transport) -> None:
    reader = transport.open({"max_execution_time": 20, "readonly": 1})

    assert reader.query("SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(StoreDownError) as caught:
        reader.command("CREATE TABLE sneaked (n UInt8) ENGINE = Memory")
    assert caught.value.engine_code == 164
    reader.close()


def test_rows_take_defaults_and_iso_times(driver: Driver) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    driver.insert_rows("api_keys", [{"Prefix": "gt_ü'1", "CreatedAt": at, "RevokedAt": None, "Seq": 1}])

    rows = driver.query("SELECT Prefix, Name, CreatedAt, RevokedAt FROM api_keys WHERE Prefix = 'gt_ü\\'1'")
    assert rows == [{"Prefix": "gt_ü'1", "Name": "", "CreatedAt": at, "RevokedAt": None}]


def test_a_segment_is_stored_once_however_often_it_is_inserted(transport: Transport, driver: Driver) -> None:
    trace_id = new_trace_id()
    document = {"retrieval.documents.0.document.id": "doc-1", "retrieval.documents.0.document.score": 0.5}
    body = otlp_request([{"trace_id": trace_id, "kind": "RETRIEVER", "attributes": document}])
    path, token = segment(transport.folder, body)

    for _ in range(3):
        driver.insert_file("otlp_in", path, fmt="Protobuf", settings=token)

    assert spans(driver, trace_id) == 1
    documents = driver.query(
        "SELECT DocumentId FROM retrieved_documents WHERE TraceId = {id:String}", {"id": trace_id}
    )
    assert documents == [{"DocumentId": "doc-1"}]


def test_the_same_bytes_of_another_segment_are_stored_again(transport: Transport, driver: Driver) -> None:
    trace_id = new_trace_id()
    body = otlp_request([{"trace_id": trace_id}])

    for _ in range(2):
        path, token = segment(transport.folder, body)
        driver.insert_file("otlp_in", path, fmt="Protobuf", settings=token)

    assert spans(driver, trace_id) == 2


def test_a_segment_of_many_megabytes_is_stored_whole(transport: Transport, driver: Driver) -> None:
    trace_ids = [new_trace_id() for _ in range(12)]
    long = {"input.value": "0123456789abcdef" * 16_384}
    bodies = [otlp_request([{"trace_id": trace_id, "attributes": long}]) for trace_id in trace_ids]
    path, token = segment(transport.folder, *bodies, name="part's {of} [all]*.segment")

    driver.insert_file("otlp_in", path, fmt="Protobuf", settings=token)

    assert path.stat().st_size > 3 << 20
    assert spans(driver, *trace_ids) == 12


def test_a_broken_segment_is_a_parse_error_and_nothing_of_it_is_stored(
    transport: Transport, driver: Driver
) -> None:
    trace_id = new_trace_id()
    path, token = segment(transport.folder, otlp_request([{"trace_id": trace_id}]))
    path.write_bytes(path.read_bytes() + b"\x05\xff\xff\xff\xff\xff")

    with pytest.raises(StoreParseError) as caught:
        driver.insert_file("otlp_in", path, fmt="Protobuf", settings=token)

    assert caught.value.engine_code is not None
    assert spans(driver, trace_id) == 0


@pytest.mark.parametrize(
    ("run", "kind", "code"),
    [
        pytest.param(lambda d: d.query("SELEC 1"), StoreError, 62, id="syntax"),
        pytest.param(lambda d: d.query("SELECT 1 FROM nowhere"), StoreError, 60, id="no-table"),
        pytest.param(lambda d: d.command("DROP DATABASE nowhere"), StoreError, 81, id="no-database"),
        pytest.param(lambda d: d.insert_rows("jobs", [{"Seq": "x"}]), StoreParseError, 27, id="no-number"),
        pytest.param(
            lambda d: d.query("SELECT groupArray(number) FROM numbers(9e6)", settings={"max_memory_usage": 1 << 20}),
            StoreDownError, 241, id="memory",
        ),
        pytest.param(
            lambda d: d.query("SELECT sleep(0.2)", settings={"max_execution_time": 0.1}), StoreDownError, 159, id="time"
        ),
    ],
)  # fmt: skip
def test_an_error_keeps_clickhouses_number_and_words(
    driver: Driver, run: Callable[[Driver], object], kind: type[StoreError], code: int
) -> None:
    with pytest.raises(StoreError) as caught:
        run(driver)

    assert (type(caught.value), caught.value.engine_code) == (kind, code)
    assert re.fullmatch(rf"Code: {code}\. DB::Exception: .*", str(caught.value))
    assert driver.query("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("SELECT number, throwIf(number = 200000) FROM numbers(300000)", id="a later block"),
        pytest.param(
            "SELECT number FROM numbers(1e12::UInt64) WHERE number < 5 OR sipHash64(number) = 1"
            " SETTINGS max_execution_time = 0.2, max_block_size = 1000",
            id="a time-out",
        ),
    ],
)
def test_what_a_question_found_before_it_failed_is_no_part_of_the_next_answer(
    transport: Transport, question: str
) -> None:
    driver = transport.open()

    with pytest.raises(StoreError):
        driver.query(question)
    answer = driver.query_columns("SELECT 'mine' AS whose", {})
    driver.close()

    assert answer == (("whose",), [("mine",)])


def test_temporary_tables_last_in_a_session_and_in_no_other(transport: Transport) -> None:
    one, other = transport.open(session=True), transport.open(session=True)
    one.command("CREATE TEMPORARY TABLE kept AS SELECT 1 AS n")

    assert one.query("SELECT n FROM kept") == [{"n": 1}]
    with pytest.raises(StoreError) as caught:
        other.query("SELECT n FROM kept")
    assert caught.value.engine_code == 60
    one.close()
    other.close()


def test_a_marked_query_is_ended_and_no_other(transport: Transport, driver: Driver) -> None:
    marked, other = transport.open({"log_comment": "mine"}), transport.open({"log_comment": "theirs"})
    outcomes: dict[str, object] = {}

    question = "SELECT count() AS n FROM numbers({rows:UInt64}) WHERE sleepEachRow(0.05) = 0"

    def ask(name: str, handle: Driver, rows: int) -> None:
        try:
            outcomes[name] = handle.query(question, {"rows": rows}, settings={"max_block_size": 1})
        except StoreError as error:
            outcomes[name] = (type(error), error.engine_code)

    threads = [
        threading.Thread(target=ask, args=("mine", marked, 1_000)),
        threading.Thread(target=ask, args=("theirs", other, 20)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    driver.end_queries("mine", longer_than_s=60.0)  # it does not run so long
    assert not outcomes
    while threads[0].is_alive():
        driver.end_queries("mine", longer_than_s=0.0)
        threads[0].join(0.1)
    threads[1].join()

    assert outcomes == {"mine": (StoreDownError, 394), "theirs": [{"n": 20}]}
    marked.close()
    other.close()


def test_closing_a_handle_leaves_the_others(transport: Transport, driver: Driver) -> None:
    one = transport.open()
    one.close()
    one.close()

    assert driver.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_server_that_does_not_answer_is_down() -> None:
    with pytest.raises(StoreDownError) as caught:
        Driver.open("clickhouse://me:secret@127.0.0.1:9/db", database=None, settings={}, engine_config=None)

    assert str(caught.value) == (
        "the store clickhouse://me:…@127.0.0.1:9/db cannot be opened: "
        "the ClickHouse server does not answer: Connection refused"
    )
