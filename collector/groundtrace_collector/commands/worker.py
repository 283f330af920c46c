"""`groundtrace worker`: run evaluation jobs against a collector."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import Final

import click

NICENESS: Final = 15
"""Answering the app comes first: on a full machine a worker gets a few per cent of a core."""
PARENT_CHECK_S: Final = 1.0


@click.command()
@click.option("--url", metavar="URL", help="The collector. [GROUNDTRACE_URL, else http://127.0.0.1:4318]")
@click.option("--parent-pid", type=int, hidden=True, help="End when this process is no longer the parent.")
def command(url: str | None, parent_pid: int | None) -> None:
    """Run evaluation jobs against a collector.

    `groundtrace serve` starts one worker; start more here or elsewhere to score faster: the collector hands
    each trace to one of them. A worker waits while the collector is away and stops on SIGTERM or Ctrl-C.
    GROUNDTRACE_EVALUATORS names a TOML file of evaluators with settings (a judge, an encoder).
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="groundtrace worker: %(message)s")
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    asyncio.run(_work(url, parent_pid))


async def _work(url: str | None, parent_pid: int | None) -> None:
    from groundtrace_collector.jobs.catalog import configured, loadable
    from groundtrace_collector.jobs.client import JobsClient
    from groundtrace_collector.jobs.worker import Worker

    own = configured()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with JobsClient(url) as client, asyncio.TaskGroup() as tasks:
        if parent_pid is not None:
            tasks.create_task(_watch_parent(parent_pid, stop))
        await Worker(client=client, evaluators=loadable() | own, configured=frozenset(own), stop=stop).work()
        stop.set()


async def _watch_parent(parent_pid: int, stop: asyncio.Event) -> None:
    """A server that was killed cannot stop its worker: the worker sees that it was orphaned."""
    while not stop.is_set() and os.getppid() == parent_pid:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARENT_CHECK_S):
                await stop.wait()
    stop.set()
