"""ClickHouse's HTTP interface over chDB: as much of it as clickhouse-connect speaks, in a process of its own.

    python -m tests.collector.store.http_front FOLDER PORT

It is the same engine behind the wire, so what an HTTP client sends is really parsed, stored and answered. What
it does not have: users and roles, compressed bodies, answers that stream, errors in mid-stream, replication.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import os
import re
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

import chdb

# Parameters of a request that are no settings of its query.
_OF_THE_REQUEST: Final = frozenset(
    {
        "query", "database", "session_id", "session_timeout", "session_check", "query_id", "quota_key", "role",
        "user", "password", "default_format", "buffer_size", "wait_end_of_query", "compress", "decompress",
        "client_protocol_version", "enable_http_compression", "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
    }
)  # fmt: skip
_INSERT: Final = re.compile(r"\s*INSERT\s+INTO\s[^\n]*?\sFORMAT\s+(\w+)[ \t]*(?:\n|$)", re.IGNORECASE)
_FORMAT: Final = re.compile(r"\sFORMAT\s+(\w+)[\s;]*$", re.IGNORECASE)
_CODE: Final = re.compile(r"Code: (\d+)")
_SESSION_IS_LOCKED: Final = 373
_UNKNOWN_EXCEPTION: Final = 1002
_NOT_FOUND: Final = {60, 81}


class EngineError(Exception):
    """What the engine says is wrong, in its words."""

    @property
    def code(self) -> int:
        """ClickHouse's number of it."""
        match = _CODE.search(str(self))
        return int(match[1]) if match else _UNKNOWN_EXCEPTION


@dataclass(frozen=True, slots=True)
class Statement:
    """One request's query: its text, its bound values and settings, and the data of an INSERT."""

    text: str
    data: bytes | None
    database: str
    settings: Mapping[str, str]
    values: Mapping[str, str]
    default_format: str

    @property
    def answer_format(self) -> str:
        """The format of the answer."""
        match = _FORMAT.search(self.text)
        return match[1] if match else self.default_format

    @property
    def has_answer(self) -> bool:
        """Whether the statement gives rows at all."""
        return self.text.split(None, 1)[0].upper() in {"SELECT", "WITH", "SHOW", "DESCRIBE", "EXISTS", "KILL"}


def read_statement(parameters: Mapping[str, str], body: bytes) -> Statement:
    """What a request asks: the query stands in the URL or begins the body, and data may follow it."""
    query = parameters.get("query", "")
    data: bytes | None = None
    head = query or body[:4096].decode(errors="replace")
    if match := _INSERT.match(head):
        text = match[0]
        data = body if query else body[len(text.encode()) :]
    else:
        text = "\n".join(filter(None, (query, body.decode())))
    return Statement(
        text=text.strip(),
        data=data,
        database=parameters.get("database", ""),
        settings={
            name: value
            for name, value in parameters.items()
            if name not in _OF_THE_REQUEST and not name.startswith("param_")
        },
        values={
            name.removeprefix("param_"): value
            for name, value in parameters.items()
            if name.startswith("param_")
        },
        default_format=parameters.get("default_format", "TabSeparated"),
    )


@dataclass(slots=True)
class Session:
    """A connection that outlives its requests, with its temporary tables; one request at a time."""

    connection: Any
    lock: threading.Lock = field(default_factory=threading.Lock)


class Engine:
    """chDB as a server has its engine: each request a connection of its own, or its session's."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "engine")
        self._files = folder
        self._anchor = _connect(self._path)  # the engine lives as long as it has a connection
        self._sessions: dict[str, Session] = {}
        self._opening = threading.Lock()

    def run(self, statement: Statement, session_id: str) -> bytes:
        """The answer's bytes; raises EngineError."""
        with self._connection(session_id) as connection:
            try:
                return self._run(connection, statement, in_session=bool(session_id))
            except RuntimeError as error:  # chDB's own, which holds ClickHouse's words
                raise EngineError(str(error)) from error

    @contextmanager
    def _connection(self, session_id: str) -> Iterator[Any]:
        if not session_id:
            connection = _connect(self._path)
            try:
                yield connection
            finally:
                connection.close()
            return
        with self._opening:
            if session_id not in self._sessions:
                self._sessions[session_id] = Session(_connect(self._path))
        session = self._sessions[session_id]
        if not session.lock.acquire(blocking=False):
            raise EngineError(f"Code: {_SESSION_IS_LOCKED}. DB::Exception: Session {session_id} is locked")
        try:
            yield session.connection
        finally:
            session.lock.release()

    def _run(self, connection: Any, statement: Statement, *, in_session: bool) -> bytes:
        if statement.database:
            connection.query(f"USE `{statement.database}`")
        settings = dict(statement.settings)
        if settings.get("format_schema_source") == "string":
            # A server keeps the text in a folder of its own; this engine would in the current one.
            schema = self._schema_file(settings["format_schema"], settings.pop("format_schema_message_name"))
            settings |= {"format_schema_source": "file", "format_schema": schema}
        if settings:
            connection.query(
                "SET " + ", ".join(f"{name} = {_literal(value)}" for name, value in settings.items())
            )
        try:
            if statement.data is not None:
                return self._insert(connection, statement)
            answer = connection.query(
                statement.text, statement.answer_format, params=dict(statement.values)
            ).bytes()
            return bytes(answer or b"")
        finally:
            if in_session:
                for name in settings:
                    connection.query(f"SET {name} = DEFAULT")

    def _schema_file(self, text: str, message: str) -> str:
        path = self._files / f"{zlib.crc32(text.encode()):08x}.proto"
        path.write_text(text)
        return f"{path}:{message}"

    def _insert(self, connection: Any, statement: Statement) -> bytes:
        match = _FORMAT.search(statement.text)
        assert match is not None
        with tempfile.NamedTemporaryFile(dir=self._files) as file:
            file.write(statement.data or b"")
            file.flush()
            connection.query(
                f"{statement.text[: match.start()]} FROM INFILE {_literal(file.name)} FORMAT {match[1]}"
            )
        return b""


def _connect(path: str) -> Any:
    connect: Any = chdb.connect  # it has no types
    return connect(path)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    engine: ClassVar[Engine]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out as one packet, not as head and body
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer a query."""
        url = urlsplit(self.path)
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        body = self._body()
        if url.path == "/ping":
            self._reply(200, b"Ok.\n", {})
            return
        if self.headers.get_content_type() == "multipart/form-data":
            parameters |= self._fields(body)
            body = b""
        statement = read_statement(parameters, body)
        try:
            answer = self.engine.run(statement, parameters.get("session_id", ""))
        except EngineError as error:
            status = 404 if error.code in _NOT_FOUND else 500
            self._reply(status, str(error).encode(), {"X-ClickHouse-Exception-Code": str(error.code)})
            return
        headers = {"X-ClickHouse-Summary": json.dumps({}), "X-ClickHouse-Query-Id": "front"}
        if statement.has_answer:
            headers["X-ClickHouse-Format"] = statement.answer_format
        self._reply(200, answer, headers)

    do_GET = do_POST  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _fields(self, body: bytes) -> dict[str, str]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        found = {}
        for part in form.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            found[name] = str(part.get_content())
        return found

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "X-ClickHouse-Timezone": "UTC"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's name)
        """Say nothing."""


def main(folder: Path, port: int) -> None:
    """Serve until killed; prints a line once it answers."""
    os.chdir(folder)
    Handler.engine = Engine(folder)
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
