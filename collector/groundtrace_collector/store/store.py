"""The store: its handles, each on a thread of its own, and the calls that the rest of the collector makes."""

from __future__ import annotations

import asyncio
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from groundtrace_collector.errors import StoreError, StoreLimitError
from groundtrace_collector.store.clock import Sequence as SequenceClock
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.engine import (
    ENGINE_FOLDER,
    check_engine_version,
    check_room,
    check_server_version,
    write_engine_config,
    write_schema,
)
from groundtrace_collector.store.memory import never_fits
from groundtrace_collector.store.migrate import migrate
from groundtrace_collector.store.retention import keep_days
from groundtrace_collector.store.sql import statement

logger = logging.getLogger(__name__)
T = TypeVar("T")

READ_HANDLES = 2
DEFAULT_DATABASE = "groundtrace"
# What a handle is for; its queries carry it in `log_comment`, by which they are found and ended.
_READING, _WRITING = "read", "write"
_END_AFTER_S, _END_EVERY_S = 0.5, 0.5
_PACKAGE = "groundtrace_collector.store"

_SETTINGS: dict[str, Any] = {
    "session_timezone": "UTC",
    # A late root moves a trace's row to another day, so its versions may lie in two partitions.
    "do_not_merge_across_partitions_select_final": 0,
    "output_format_json_escape_forward_slashes": 0,
    "output_format_json_quote_64bit_integers": 0,
}
_WRITE_SETTINGS: dict[str, Any] = {
    # A server would gather inserts by itself, and then knows no deduplication token.
    "async_insert": 0,
    "max_insert_threads": 1,
    # A deduplication token stands for a block, and the blocks of a retry must be the same ones.
    "max_threads": 1,
    # One commit may hold spans of many days; refusing it would refuse every sender's spans.
    "max_partitions_per_insert_block": 0,
    "date_time_input_format": "best_effort",
    "input_format_null_as_default": 1,
}
_INGEST_SETTINGS: dict[str, Any] = {
    **_WRITE_SETTINGS,
    "input_format_protobuf_oneof_presence": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # Merges build these; a commit's own part is small enough to be read without.
    "exclude_materialize_skip_indexes_on_insert": "idx_span_attr_key,idx_span_attr_value",
    # One block goes through expressions of some hundred nodes: planning them costs more than it saves.
    "short_circuit_function_evaluation": "disable",
    "query_plan_enable_optimizations": 0,
    "compile_expressions": 0,
}
_SETTLE_SETTINGS: dict[str, Any] = {
    **_WRITE_SETTINGS,
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    # A settling writes each trace once: there is nothing to replace within its own rows.
    "optimize_on_insert": 0,
    # settle.sql names a trace's column as the span's that it is made of.
    "prefer_column_name_to_alias": 1,
}
# What a user's own SQL may cost. `readonly` comes last: after it no setting can be changed any more.
LARGEST_ANSWER_ROWS = 10_000
_USER_SQL_SETTINGS: dict[str, Any] = {
    "max_threads": 1,
    "max_execution_time": 20,
    "timeout_before_checking_execution_speed": 0,
    # One more than may be answered, so that the answer tells that there was more. (The embedded engine does
    # not keep max_result_rows.)
    "limit": LARGEST_ANSWER_ROWS + 1,
    "max_ast_elements": 10_000,
    "readonly": 1,
}


class Handle:
    """One driver and its thread."""

    def __init__(self, driver: Driver, name: str) -> None:
        self.driver = driver
        self.ended = 0
        """How many calls have ended."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"store-{name}")

    async def run(self, call: Callable[[Driver], T]) -> T:
        """Run ``call`` with the driver on the handle's thread, after what it already has to do."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, call, self.driver)
        finally:
            self.ended += 1

    def close(self) -> None:
        """Let what runs end, drop what waits, then close."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self.driver.close()


class Store:
    """One embedded chDB or one ClickHouse server, and one database in it.

    Statements name tables without a database. Commits run on the ingest handle one after another, rows of small
    tables on another, so that no sender waits for a job's scores; the settling on a handle of its own, reads on
    one of two, users' own SQL on one that can do nothing else.
    """

    def __init__(
        self,
        url: str,
        *,
        ingest: Handle,
        rows: Handle,
        settling: Handle,
        user_sql: Handle,
        reads: Sequence[Driver],
        control: Handle,
        mark: str,
        sequence: SequenceClock,
        migrated: Sequence[str],
    ) -> None:
        self.url = url
        self.migrated = migrated
        """The migrations that were applied when it was opened, oldest first."""
        self.ingest = ingest
        self._rows = rows
        self.settling = settling
        self.user_sql = user_sql
        self.sequence = sequence
        self._reads: queue.SimpleQueue[Driver] = queue.SimpleQueue()
        for driver in reads:
            self._reads.put(driver)
        self._read_count = len(reads)
        self._control = control
        self._mark = mark
        self._readers = ThreadPoolExecutor(max_workers=len(reads), thread_name_prefix="store-read")
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, data_dir: Path, memory_bytes: int, retention_days: int) -> Self:
        """Open the store, bring its schema up to date, and take up its sequence.

        An embedded store must be owned (`store.owner`) before. Raises ConfigError for a store of a newer
        engine or groundtrace, MissingExtraError, StoreDownError.
        """
        opener = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-open")
        try:
            return await asyncio.get_running_loop().run_in_executor(
                opener, lambda: cls._open(url, data_dir, memory_bytes, retention_days)
            )
        finally:
            opener.shutdown(wait=False)

    @classmethod
    def _open(cls, url: str, data_dir: Path, memory_bytes: int, retention_days: int) -> Self:
        location, database = _location(url, data_dir)
        data_dir.mkdir(parents=True, exist_ok=True)
        engine_config = None
        if location.startswith("chdb:"):
            check_room(data_dir)
            check_engine_version(data_dir)
            engine_config = write_engine_config(data_dir, memory_bytes=memory_bytes)
        mark = f"groundtrace {secrets.token_hex(8)}"

        def driver(
            settings: Mapping[str, Any],
            *,
            part: str,
            database: str | None = database,
            session: bool = False,
        ) -> Driver:
            return Driver.open(
                location,
                database=database,
                settings={**_SETTINGS, "log_comment": f"{mark} {part}", **settings},
                engine_config=engine_config,
                session=session,
            )

        control = driver({}, part="control", database=None)
        if engine_config is None:
            check_server_version(control.engine_version)
        control.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
        writer = driver({**ingest_settings(url, data_dir), "max_memory_usage": memory_bytes}, part=_WRITING)
        migrated = migrate(writer)
        if engine_config is None:
            _check_decoding(writer)
        keep_days(writer, retention_days)
        sequence = SequenceClock(last=int(writer.query(statement(_PACKAGE, "last_seq"))[0]["Seq"]))
        rows = driver({**_WRITE_SETTINGS, "max_memory_usage": memory_bytes}, part=_WRITING)
        settler = driver(_SETTLE_SETTINGS, part=_WRITING, session=True)
        user_sql = driver({"max_memory_usage": memory_bytes // 4, **_USER_SQL_SETTINGS}, part=_READING)
        reading = {"max_memory_usage": memory_bytes // 2}
        reads = [driver(reading, part=_READING, session=True) for _ in range(READ_HANDLES)]
        return cls(
            url,
            ingest=Handle(writer, "ingest"),
            rows=Handle(rows, "rows"),
            settling=Handle(settler, "settle"),
            user_sql=Handle(user_sql, "user-sql"),
            reads=reads,
            control=Handle(control, "control"),
            mark=mark,
            sequence=sequence,
            migrated=migrated,
        )

    async def query(
        self,
        statement: str,
        parameters: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, object] | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of a SELECT, one dict each; times are aware datetimes in UTC.

        Raises StoreError with ClickHouse's words, StoreDownError when it does not answer, StoreLimitError when the
        statement needs more memory than one may have.
        """

        return await self.reading(lambda driver: driver.query(statement, parameters, settings))

    async def reading(self, call: Callable[[Driver], T]) -> T:
        """Run several statements on one handle for reads, which keeps temporary tables from one to the next."""

        def read() -> T:
            driver = self._reads.get()
            try:
                return call(driver)
            except StoreError as error:
                if never_fits(error):
                    raise StoreLimitError(engine_code=error.engine_code) from error
                raise
            finally:
                self._reads.put(driver)

        return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def insert(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert rows of a small table; a missing column takes its default, times may be datetimes or text."""
        if rows:
            await self._rows.run(lambda driver: driver.insert_rows(table, rows))

    async def command(self, statement: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement that returns no rows, after the rows that were inserted before it."""
        await self._rows.run(lambda driver: driver.command(statement, parameters))

    @property
    def writes(self) -> int:
        """Grows whenever this process has written rows other than spans, settled traces among them."""
        return self._rows.ended + self.settling.ended

    def next_seq(self) -> int:
        """The next number of the server sequence: microseconds since the epoch, never repeated."""
        return self.sequence.next()

    async def end_reads(self, *, longer_than_s: float) -> None:
        """Ask the reads, users' own SQL among them, that run longer than this to end: they raise StoreDownError."""
        await self._control.run(
            lambda driver: driver.end_queries(f"{self._mark} {_READING}", longer_than_s=longer_than_s)
        )

    async def close(self) -> None:
        """End what runs and close every handle; nothing may be called after."""
        if self._closed:
            return
        self._closed = True
        closer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-close")
        try:
            await asyncio.get_running_loop().run_in_executor(closer, self._close)
        finally:
            closer.shutdown(wait=False)

    def _close(self) -> None:
        closing = threading.Thread(target=self._close_handles, name="store-close-handles")
        closing.start()
        closing.join(_END_AFTER_S)
        while closing.is_alive():
            self._end_all()
            closing.join(_END_EVERY_S)
        self._control.close()

    def _close_handles(self) -> None:
        self.settling.close()
        self.user_sql.close()
        self._readers.shutdown(wait=True, cancel_futures=True)
        for _ in range(self._read_count):
            self._reads.get().close()
        self._rows.close()
        self.ingest.close()

    def _end_all(self) -> None:
        for part in (_READING, _WRITING):
            try:
                self._control.driver.end_queries(f"{self._mark} {part}", longer_than_s=0.0)
            except StoreError as error:
                logger.warning("A query that still runs could not be ended: %s", error)


def ingest_settings(url: str, data_dir: Path) -> dict[str, Any]:
    """The settings of the handle that inserts segments; an embedded engine reads its schema from a file."""
    schema = resources.files(_PACKAGE).joinpath("otlp.proto").read_text(encoding="utf-8")
    if url.startswith("chdb:"):
        path = write_schema(data_dir, schema)
        return {**_INGEST_SETTINGS, "format_schema_source": "file", "format_schema": f"{path}:Req"}
    return {
        **_INGEST_SETTINGS,
        "format_schema_source": "string",
        "format_schema": schema,
        "format_schema_message_name": "Req",
    }


def _check_decoding(driver: Driver) -> None:
    """Store one request without spans, so that a server that cannot decode says so now, not to every sender."""
    driver.insert_bytes("otlp_in", b"\0", fmt="Protobuf", settings={})


def _location(url: str, data_dir: Path) -> tuple[str, str]:
    """Where the handles connect, and the database they use."""
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        database = parse_qs(parts.query).get("database", [DEFAULT_DATABASE])[0]
        return f"chdb://{data_dir / ENGINE_FOLDER}", database
    return url, parts.path.strip("/")
