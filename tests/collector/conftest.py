"""A real embedded store for every test: one engine a pytest process, one database a test."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.engine import ENGINE_FOLDER, write_engine_config
from groundtrace_collector.store.retention import keep_days
from groundtrace_collector.store.store import Store
from tests.collector.otlp import SpanDict, otlp_request

MEMORY_BYTES = 2 << 30
# Rows with fixed dates must outlive the day that a test runs on.
RETENTION_DAYS = 3_650
BASE_URL = "http://127.0.0.1:4318"

Send = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="session")
def engine_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of this process's engine; a handle keeps it open between tests."""
    folder = tmp_path_factory.mktemp("engine")
    config = write_engine_config(folder, memory_bytes=MEMORY_BYTES)
    anchor = Driver.open(f"chdb://{folder / ENGINE_FOLDER}", database=None, settings={}, engine_config=config)
    yield folder
    anchor.close()


@pytest.fixture(scope="session")
def kept_store(engine_dir: Path) -> Iterator[Store]:
    """The one migrated store of this process: making its tables anew for each test took half the time."""
    store = asyncio.run(
        Store.open(
            f"chdb://{engine_dir}?database=test",
            data_dir=engine_dir,
            memory_bytes=MEMORY_BYTES,
            retention_days=RETENTION_DAYS,
        )
    )
    yield store
    asyncio.run(store.close())


@pytest.fixture
async def store(kept_store: Store) -> AsyncIterator[Store]:
    """A migrated, empty store."""
    yield kept_store
    await _empty(kept_store)
    # Whoever opened it with another retention must not make the next test's old rows vanish.
    await kept_store.ingest.run(lambda driver: keep_days(driver, RETENTION_DAYS))


async def _empty(store: Store) -> None:
    filled = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0 "
        "AND name != 'migrations'"
    )
    for row in await store.query(filled):
        await store.command(f"TRUNCATE TABLE `{row['name']}` SYNC")


@pytest.fixture
async def collector(store: Store, tmp_path: Path) -> AsyncIterator[Collector]:
    """A collector on an empty store, committing and settling."""
    config = CollectorConfig(
        store=store.url, data_dir=tmp_path / "data", grpc_port=None, worker=False, linger_ms=0, settle_ms=0
    )
    collector = Collector(config=config, store=store)
    collector.start()
    await collector.commits.ready.wait()
    yield collector
    await collector.commits.close()
    await collector.settler.close()


@pytest.fixture
async def client(collector: Collector) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the collector's application."""
    transport = httpx.ASGITransport(app=create_app(collector))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


@pytest.fixture
def send(client: httpx.AsyncClient, collector: Collector) -> Send:
    """Post spans as an OTLP exporter would, and wait until their traces are settled.

    `await send([{...}, ...], resource={...})`; see `otlp_request` for a span's keys.
    """

    async def post(spans: Sequence[SpanDict], *, resource: Mapping[str, Any] | None = None) -> httpx.Response:
        response = await client.post(
            "/v1/traces",
            content=gzip.compress(otlp_request(spans, resource=resource)),
            headers={"content-type": "application/x-protobuf", "content-encoding": "gzip"},
        )
        assert response.status_code == 200, response.content
        await collector.settler.idle()
        return response

    return post


class ServeProcess:
    """A real `groundtrace serve` on a store of its own, for tests of processes, kills and signals."""

    def __init__(self, store: Path, log: Path) -> None:
        self.store = store
        self.url = ""
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self, *arguments: str) -> None:
        """Start it on a free port, and return once it is ready."""
        command = [
            sys.executable,
            "-m",
            "groundtrace_collector.cli",
            "serve",
            "--port",
            "0",
            *(["--no-grpc"] if "--grpc-port" not in arguments else []),
            "--no-worker",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--store", f"chdb://{self.store}", *arguments],
                stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().decode().strip()
        assert self.url.startswith("http://"), self.log()
        deadline = time.monotonic() + 30
        while httpx.get(f"{self.url}/readyz").status_code != 200:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> int:
        """Send a signal to the server's process group, and return its exit code."""
        assert self._process is not None
        os.killpg(self._process.pid, number)
        code = self._process.wait(timeout=30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def log(self) -> str:
        """What it wrote to stderr."""
        return self._log.read_text()

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[ServeProcess]:
    """A server that runs; `serve.url`, `serve.pid`, `serve.signal`, `serve.start` again on the same store."""
    process = ServeProcess(tmp_path / "store", tmp_path / "serve.log")
    try:
        process.start()
        yield process
    finally:
        process.stop()
