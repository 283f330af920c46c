"""Running a collector as a server: own the store, listen, answer, and stop without losing anything."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from groundtrace_collector.access.keyring import Keyring
from groundtrace_collector.access.local import offered
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.door import is_loopback
from groundtrace_collector.errors import ConfigError, StoreError
from groundtrace_collector.http_protocol import HttpProtocol
from groundtrace_collector.ports import listen
from groundtrace_collector.store.address import without_password
from groundtrace_collector.store.owner import Ownership, unwritable
from groundtrace_collector.supervisor import WorkerProcess

if TYPE_CHECKING:
    from groundtrace_collector.collector import Collector
    from groundtrace_collector.receive.otlp_grpc import GrpcServer

logger = logging.getLogger(__name__)

_DRAIN_S = 15  # for requests in flight, once the server stops
_LONGEST_READ_S = 2.0  # for a question in flight then; what was sent is stored and answered all the same
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (where the worker finds us)


def serve(config: CollectorConfig) -> None:
    """Serve ``config`` until SIGTERM or SIGINT; prints the server's URL once it answers.

    Raises ConfigError, StoreOwnedError and MissingExtraError in one line, before anything is answered.
    """
    with _owned(config) as ownership, listen(config.host, config.port) as listener:
        config = config.model_copy(update={"port": int(listener.getsockname()[1])})
        url = _url(config.host, config.port)
        if ownership is not None:
            ownership.announce(url)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(config, listener, url))


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


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
    async with AsyncExitStack() as stack:
        grpc_server = _grpc_server(config)
        if grpc_server is not None:
            stack.push_async_callback(grpc_server.close, 0)
            config = config.model_copy(update={"grpc_port": grpc_server.port})
        collector = await stack.enter_async_context(_collecting(config))
        await check_binding(config, collector.keys)
        stack.enter_context(offered(config.data_dir, collector.keys.admit("local")))
        if grpc_server is not None:
            await grpc_server.start(collector)
            # Before the collector closes, so that what is in flight is stored and answered.
            stack.push_async_callback(grpc_server.close, _DRAIN_S)
        await _answer(collector, listener, url, stop)
    logger.info("stopped")


async def _answer(collector: Collector, listener: socket.socket, url: str, stop: asyncio.Event) -> None:
    """Answer HTTP until ``stop`` is set; with a worker beside, where it is wanted."""
    from groundtrace_collector.app import create_app

    config = collector.config
    worker = None
    if config.worker:
        reached_at = _url(_EVERY_ADDRESS.get(config.host, config.host), config.port)
        worker = WorkerProcess(reached_at, secret=collector.keys.admit("worker"))

    def started() -> None:
        logger.info("answering at %s, pid %d, store %s", url, os.getpid(), config.data_dir)
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        if worker is not None:
            worker.start()

    server = _Server(_uvicorn_config(create_app(collector)), started=started)
    stopping = asyncio.create_task(_stop_when(stop, server, collector))
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.cancel()
        if worker is not None:
            await worker.close()


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server, collector: Collector) -> None:
    """Once ``stop`` is set, refuse new connections, and let those in flight end, long questions soon."""
    await stop.wait()
    server.should_exit = True
    while True:
        await asyncio.sleep(_LONGEST_READ_S / 4)
        try:
            await collector.store.end_reads(longer_than_s=_LONGEST_READ_S)
        except StoreError as error:
            logger.warning("Questions in flight could not be ended: %s", error)


async def check_binding(config: CollectorConfig, keys: Keyring) -> None:
    """Raise ConfigError where others could reach a collector that asks for no key."""
    if not is_loopback(config.host) and await keys.is_open():
        raise ConfigError(
            f"--host {config.host} lets others on the network in, and there is no API key yet: make one with "
            f"`groundtrace keys create NAME --role admin --store {without_password(config.store)}`"
        )


def _grpc_server(config: CollectorConfig) -> GrpcServer | None:
    """A server on the gRPC port; None where none is wanted, or where the library is missing."""
    if config.grpc_port is None:
        return None
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it writes to stderr itself, beside our own one line
    try:
        from groundtrace_collector.receive.otlp_grpc import GrpcServer
    except ModuleNotFoundError as error:
        if error.name != "grpc":
            raise
        logger.warning(
            "OTLP over HTTP only: grpcio is not installed. Run: pip install 'groundtrace[grpc]' (or --no-grpc)"
        )
        return None
    return GrpcServer(config)


def _uvicorn_config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        http=HttpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_DRAIN_S,
    )


@asynccontextmanager
async def _collecting(config: CollectorConfig) -> AsyncIterator[Collector]:
    """A collector that runs; what it took is stored when the block is left."""
    from groundtrace_collector.collector import open_collector

    try:
        collector = await open_collector(config)
    except OSError as error:
        raise unwritable(config.data_dir, error) from error
    try:
        yield collector
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
