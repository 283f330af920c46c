"""The few clickhouse-connect calls that the collector makes, alike on chDB and on a server.

One `Driver` is one handle: its calls run one after another, so each handle belongs to one thread.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from groundtrace_collector.errors import MissingExtraError, StoreDownError, StoreError, StoreParseError
from groundtrace_collector.store.address import without_password
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

PARSE_CODES = frozenset(
    # The codes that a corrupted protobuf body raised in 22,000 mutations: unparsable input, end of file,
    # bad arguments, malformed protobuf; and the logical error that a broken varint once caused.
    {6, 26, 27, 32, 33, 36, 38, 41, 43, 49, 53, 69, 70, 72, 117, 130, 131, 321, 349, 407, 436, 444, 636}
)
DOWN_CODES = frozenset(
    # No connection, no room, no memory, too many parts or queries, read-only, time-outs: may pass later.
    {3, 23, 24, 74, 75, 76, 77, 159, 164, 198, 202, 209, 210, 225, 236, 241, 242, 243, 252, 279, 425, 999}
    # An insert that may have been replicated or not, a session that is still busy, a query that was ended.
    | {319, 373, 394}
)
# What the HTTP client writes around ClickHouse's own words.
_WRAPPING = re.compile(r"^Received ClickHouse exception, code: \d+, server response: | \(for url [^)]*\)$")
_END_QUERIES = statement("groundtrace_collector.store", "end_queries")


ERRORS: Counter[str] = Counter()
"""How many statements of this process failed: "down", "parse", "other"."""


class Driver:
    """A handle on the store: clickhouse-connect's client with its errors translated."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    def open(
        cls,
        url: str,
        *,
        database: str | None,
        settings: Mapping[str, Any],
        engine_config: Path | None,
        session: bool = False,
    ) -> Driver:
        """Open a handle on ``chdb:///path`` or ``clickhouse://host:port``, with ``settings`` on all its calls.

        ``engine_config`` is the embedded engine's configuration file; the first handle of a process decides.
        ``session`` keeps temporary tables from one call to the next; an embedded handle always does.
        Raises MissingExtraError without the library, StoreDownError when the store does not answer.
        """
        try:
            import clickhouse_connect
        except ImportError as error:
            raise MissingExtraError(library="clickhouse-connect", extra="collector") from error
        for library in ("clickhouse_connect", "urllib3"):  # its import sets the second's level
            # What goes wrong there is raised as an error, which says it once and without the request.
            logging.getLogger(library).setLevel(logging.ERROR)
        common: dict[str, Any] = {"database": database, "settings": dict(settings), "tz_mode": "aware"}
        parts = urlsplit(url)
        try:
            if parts.scheme == "chdb":
                options = {"config-file": str(engine_config)} if engine_config else None
                client = clickhouse_connect.get_client(
                    dsn=f"chdb://{parts.path}", chdb_options=options, **common
                )
            else:
                plain = urlunsplit(parts._replace(path="", query=""))
                client = clickhouse_connect.get_client(
                    dsn=plain, secure=parts.scheme == "clickhouses", autogenerate_session_id=session, **common
                )
        except ImportError as error:
            raise MissingExtraError(library="chdb", extra="embedded") from error
        except Exception as error:
            why = _unreachable(error) or _first_line(error)
            raise StoreDownError(f"the store {without_password(url)} cannot be opened: {why}") from error
        return cls(client)

    @property
    def engine_version(self) -> str:
        """ClickHouse's own version, such as ``26.9.2.1``."""
        return str(self._client.server_version)

    def query(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of a SELECT, one dict each."""
        with self._asking():
            result = self._client.query(
                statement,
                parameters=dict(parameters) if parameters else None,
                settings=dict(settings) if settings else None,
            )
            return list(result.named_results())

    def query_columns(
        self, statement: str, parameters: Mapping[str, Any]
    ) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        """The names and the rows of a SELECT; an embedded store gives no names where there is no row."""
        with self._asking():
            result = self._client.query(statement, parameters=dict(parameters))
            return result.column_names, result.result_rows

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""
        with self._asking():
            self._client.command(statement, parameters=dict(parameters) if parameters else None)

    def end_queries(self, mark: str, *, longer_than_s: float) -> None:
        """Ask the queries to end whose setting ``log_comment`` is ``mark`` and that run so long."""
        self.command(_END_QUERIES, {"mark": mark, "longer_than_s": longer_than_s})

    def insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows of a small table; a missing column takes its default, times are ISO 8601."""
        lines = (json.dumps(dict(row), ensure_ascii=False, allow_nan=False, default=_json) for row in rows)
        self.insert_bytes(table, "\n".join(lines).encode(), fmt="JSONEachRow", settings={})

    def insert_bytes(
        self, table: str, block: bytes | Iterable[bytes], *, fmt: str, settings: Mapping[str, Any]
    ) -> None:
        """Insert bytes in one of ClickHouse's formats."""
        with self._asking():
            self._client.raw_insert(table, insert_block=block, fmt=fmt, settings=dict(settings))  # type: ignore[arg-type]

    def insert_file(self, table: str, path: Path, *, fmt: str, settings: Mapping[str, Any]) -> None:
        """Insert a file in one of ClickHouse's formats; the embedded engine reads it where it lies."""
        if not self._is_embedded or any(mark in str(path) for mark in "*?{}[]'\\"):
            with path.open("rb") as file:
                self.insert_bytes(table, iter(lambda: file.read(1 << 20), b""), fmt=fmt, settings=settings)
            return
        clause = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
        self.command(f"INSERT INTO {table} FROM INFILE '{path}' SETTINGS {clause} FORMAT {fmt}")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Translate errors, and take away what a failed answer left behind."""
        try:
            with _translated():
                yield
        except Exception:
            # The embedded engine puts what a query wrote before it failed in front of the handle's next answer,
            # whoever asks it (seen on chdb 26.9, for an error in a later block and for a time-out).
            if self._is_embedded:
                with suppress(Exception):
                    self._client.raw_query("SELECT 1")
            raise

    @property
    def _is_embedded(self) -> bool:
        return str(self._client.uri).startswith("chdb")

    def close(self) -> None:
        """Close the handle; a call in flight ends first."""
        self._client.close()


class _translated:  # noqa: N801  (reads as a statement)
    """Turn clickhouse-connect's errors, and the transport's, into the collector's."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, StoreError):
            return
        from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

        if isinstance(error, DatabaseError) and error.code is not None:
            raise _store_error(error, error.code) from error
        if isinstance(error, (ClickHouseError, OSError)) or type(error).__module__.startswith("urllib3"):
            ERRORS["down"] += 1
            raise StoreDownError(_unreachable(error) or _first_line(error)) from error


def _unreachable(error: BaseException | None) -> str:
    """Why a server could not be reached, in a few words; the HTTP client would say its whole request."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.strerror:
            return f"the ClickHouse server does not answer: {error.strerror}"
        if isinstance(error, TimeoutError) or type(error).__name__ == "ReadTimeoutError":
            return "the ClickHouse server does not answer: it took too long"
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return ""


def _store_error(error: Exception, code: int) -> StoreError:
    message = _first_line(error)
    if code in PARSE_CODES:
        ERRORS["parse"] += 1
        return StoreParseError(message, engine_code=code)
    if code in DOWN_CODES:
        ERRORS["down"] += 1
        return StoreDownError(message, engine_code=code)
    ERRORS["other"] += 1
    return StoreError(message, engine_code=code)


def _first_line(error: BaseException) -> str:
    text = _WRAPPING.sub("", str(error)).strip() or type(error).__name__
    return text.splitlines()[0][:500]


def _json(value: object) -> object:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")
