"""Running a collector as a server: own the store, listen, answer, and stop without losing anything."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

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
    loop = asyncio.get_running_loop()
    async with _collecting(config) as app:
        server = _Server(
            uvicorn.Config(
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
        )
        # After the engine's import, which sets handlers of its own.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        answering = asyncio.create_task(server.serve(sockets=[listener]))
        worker = WorkerProcess(url)
        announcing = asyncio.create_task(_announce(server, url, worker if config.worker else None))
        try:
            await answering
        finally:
            announcing.cancel()
            await worker.close()


@asynccontextmanager
async def _collecting(config: CollectorConfig) -> AsyncIterator[object]:
    """The application of a running collector; what it took is stored when the block is left."""
    from groundtrace_collector.app import create_app
    from groundtrace_collector.collector import open_collector

    collector = await open_collector(config)
    try:
        yield create_app(collector)
    finally:
        await collector.close()


async def _announce(server: uvicorn.Server, url: str, worker: WorkerProcess | None) -> None:
    """Say that the server answers, to whoever started it and to the worker."""
    while not server.started:
        await asyncio.sleep(0.01)
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    if worker is not None:
        worker.start()


class _Server(uvicorn.Server):
    """uvicorn, told to stop by us: its own handlers would raise the signal again and end in its code."""

    def stop(self) -> None:
        """Refuse new connections and end once those in flight are answered."""
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
