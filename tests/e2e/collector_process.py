"""A real `groundtrace serve`, started, asked, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class CollectorProcess:
    """One store and the server on it; `start` after `signal` opens the same store again."""

    def __init__(
        self, *, store: str, home: Path, arguments: Sequence[str] = (), port: int | None = None
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.arguments = ["--store", store, "--port", str(self.port), "--no-grpc", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it is ready; raises with its log when it ends instead."""
        log = self.home / "serve.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "groundtrace_collector.cli", "serve", *self.arguments],
                stdout=out, stderr=out, cwd=self.home, start_new_session=True,
                env={**os.environ, "HOME": str(self.home)},
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"serve did not become ready:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str, **params: str | int) -> Any:
        """The JSON of an API answer; raises on any other status than 200."""
        answer = httpx.get(f"{self.url}{path}", params=params, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def signal(self, number: signal.Signals) -> int:
        """Send the whole process group a signal and wait for the server's end; returns its exit code."""
        assert self._process is not None
        os.killpg(self._process.pid, number)
        return self._process.wait(timeout=30)

    def stop(self) -> None:
        """End the server gracefully, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGTERM)
