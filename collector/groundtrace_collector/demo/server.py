"""The collector that the demo starts: a process of its own, on a free port, with a new store."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from groundtrace.errors import GroundtraceError

START_S: Final = 30.0
STOP_S: Final = 15.0
LOG_LINES: Final = 5  # of a collector that failed, in the error


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCollector:
    """A collector that answers at ``url``; its log is a file beside its store."""

    url: str
    store: str  # an absolute chdb:/// URL
    log: Path
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise GroundtraceError with the end of the log when the process is gone."""
        if self.process.poll() is not None:
            raise _failed(f"the collector ended with code {self.process.returncode}", self.log)

    def wait_until_ready(self) -> None:
        """Return once it answers; raise GroundtraceError with the end of the log when it does not."""
        deadline = time.monotonic() + START_S
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            while time.monotonic() < deadline:
                self.check()
                if _is_ready(client, self.url):
                    return
                time.sleep(0.05)
        raise _failed(f"the collector did not become ready within {START_S:g} s", self.log)


def new_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """A new folder for this run, under ``$XDG_DATA_HOME/groundtrace`` or ``~/.local/share/groundtrace``."""
    data_home = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME") or Path.home(), ".local", "share")
    folder = Path(data_home, "groundtrace").absolute()
    started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for name in (f"demo-{started}", f"demo-{started}-{os.getpid()}"):
        try:
            (folder / name).mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as exc:
            raise GroundtraceError(f"cannot write to {folder}: {exc}; set XDG_DATA_HOME to a folder") from exc
        return folder / name
    raise GroundtraceError(f"{folder / name} is there already; start the demo again")


@contextmanager
def running_collector(data_dir: Path) -> Iterator[RunningCollector]:
    """Start a collector on a new store in ``data_dir``, and stop it at the end.

    It takes a second or two to become ready. The store is kept, and unlocked once the block is left.
    """
    port = _free_port()
    store = f"chdb://{data_dir / 'store'}"
    log = data_dir / "collector.log"
    process = _start(store, port, log)
    try:
        yield RunningCollector(url=f"http://127.0.0.1:{port}", store=store, log=log, process=process)
    finally:
        _stop(process)


def _start(store: str, port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        # A session of its own: Ctrl-C at the terminal reaches the demo, which then stops it in order.
        return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [
                *(sys.executable, "-m", "groundtrace_collector.cli", "serve"),
                *("--store", store, "--port", str(port), "--no-grpc"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("GROUNDTRACE_")},
        )


def _is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False  # not listening yet


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failed(what: str, log: Path) -> GroundtraceError:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    said = " | ".join(lines[-LOG_LINES:]) or "nothing"
    return GroundtraceError(f"{what}; its log ({log}) ends with: {said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
