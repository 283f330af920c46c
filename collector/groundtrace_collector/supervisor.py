"""The worker process that `serve` keeps running beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LAST_PAUSE_S = 1.0, 60.0
_STEADY_S = 60.0  # a worker that ran this long did not fail at its start
_STOP_S = 5.0


class WorkerProcess:
    """Runs `groundtrace worker` against this server, again whenever it ends, until closed.

    It comes in with ``secret``.
    """

    def __init__(self, url: str, *, secret: str) -> None:
        self._url = url
        self._secret = secret
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="worker-process")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_S
        while True:
            began = loop.time()
            self._process = await self._spawn()
            code = await self._process.wait()
            pause = _FIRST_PAUSE_S if loop.time() - began >= _STEADY_S else min(2 * pause, _LAST_PAUSE_S)
            logger.warning("The worker ended with code %s; the next starts in %.0f s", code, pause)
            await asyncio.sleep(pause)

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "groundtrace_collector.cli", "worker",
            "--url", self._url, "--parent-pid", str(os.getpid()),
            # Not among the arguments, which every user of the machine can read.
            env={**os.environ, "GROUNDTRACE_API_KEY": self._secret},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),  # stdout is for data
        )  # fmt: skip

    async def close(self) -> None:
        """End the worker; it may finish what it is at for a few seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), timeout=_STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
