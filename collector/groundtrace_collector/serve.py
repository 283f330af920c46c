"""Running a collector as a server: own the store, listen, answer, and stop without losing anything."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.door import is_loopback
from groundtrace_collector.errors import ConfigError
from groundtrace_collector.ports import listen
from groundtrace_collector.store.owner import Ownership
from groundtrace_collector.supervisor import WorkerProcess

logger = logging.getLogger(__name__)

_DRAIN_S = 15  # for requests in flight, once the server stops


def serve(config: CollectorConfig) -> None:
    """Serve ``config`` until SIGTERM or SIGINT; prints the server's URL once it answers.

    Raises ConfigError, StoreOwnedError and MissingExtraError before anything has been opened.
    """
    if not is_loopback(config.host):
        raise ConfigError(
            f"--host {config.host} would let others on the network in, and this version has no API keys: "
            "serve on 127.0.0.1, and put a proxy that authenticates in front"
        )
    with _owned(config) as ownership, listen(config.host, config.port) as listener:
        port = int(listener.getsockname()[1])
        config = config.model_copy(update={"port": port})
        url = f"http://{f'[{config.host}]' if ':' in config.host else config.host}:{port}"
        if ownership is not None:
            ownership.announce(url)
        if config.grpc_port is not None:
            logger.warning("this version takes OTLP over HTTP only; --no-grpc silences this line")
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(config, listener, url))


@contextmanager
def _owned(config: CollectorConfig) -> Iterator[Ownership | None]:
    """Hold the embedded store's lock; a server's store has none."""
    if not config.embedded:
        yield None
        return
    ownership = Ownership.claim(config.data_dir, address=f"{config.host}:{config.port}")
    try:
        yield ownership
    finally:
        ownership.release()


async def _run(config: CollectorConfig, listener: socket.socket, url: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = WorkerProcess(url) if config.worker else None

    def started() -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        if worker is not None:
            worker.start()

    async with _collecting(config) as app:
        server = _Server(_uvicorn_config(app), started=started)
        stopping = asyncio.create_task(server.stop_when(stop))
        try:
            await server.serve(sockets=[listener])
        finally:
            stopping.cancel()
            if worker is not None:
                await worker.close()


def _uvicorn_config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_DRAIN_S,
    )


@asynccontextmanager
async def _collecting(config: CollectorConfig) -> AsyncIterator[FastAPI]:
    """The application of a running collector; what it took is stored when the block is left."""
    from groundtrace_collector.app import create_app
    from groundtrace_collector.collector import open_collector

    collector = await open_collector(config)
    try:
        yield create_app(collector)
    finally:
        await collector.close()


class _Server(uvicorn.Server):
    """uvicorn, told to stop by us: its own handlers would raise the signal again and end in its code."""

    def __init__(self, config: uvicorn.Config, *, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer, then say so."""
        await super().startup(sockets)
        self._on_started()

    async def stop_when(self, stop: asyncio.Event) -> None:
        """Refuse new connections once ``stop`` is set, and end when those in flight are answered."""
        await stop.wait()
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not for this platform
        return None
    return uvloop.Loop
