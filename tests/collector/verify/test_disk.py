"""Disks that fill up or turn read-only: a clear error meanwhile, and nothing lost after."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.collector.conftest import ServeProcess
from tests.collector.otlp import new_trace_id, otlp_request
from tests.collector.verify.conftest import MountTmpfs, run_mount
from tests.collector.verify.load import PROTOBUF, Load, audit, message_of
from tests.collector.verify.report import report

pytestmark = pytest.mark.timeout(300)

LEFT_BYTES = 200_000  # a full disk always has a little room, just not enough


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Take all of a file system's room but ``leave`` bytes; delete the file to give it back."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        for _ in range(100):  # others write meanwhile
            taken = os.fstat(file.fileno()).st_size
            room = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
            if room <= leave:
                break
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), taken, room - leave)
    return ballast


def refused_with(server: ServeProcess, load: Load, wanted: str, *, within_s: float) -> str:
    """Send until a request is refused with 503, and return what it is told, which has ``wanted`` in it.

    The senders of the load may all be in one segment: then they wait for it, and are never refused.
    """
    deadline = time.monotonic() + within_s
    while True:
        trace_id = new_trace_id()
        body = otlp_request([{"trace_id": trace_id, "span_id": "01" * 8}])
        answer = httpx.post(f"{server.url}/v1/traces", content=body, headers=PROTOBUF, timeout=60)
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
            assert wanted in message_of(answer)
            return message_of(answer)
        load.acknowledged.add((trace_id, "01" * 8))
        assert time.monotonic() < deadline, f"nothing was refused: {load.answers}"


def requests_after(load: Load, *, within_s: float) -> None:
    """Wait until requests are acknowledged again."""
    before, deadline = load.requests, time.monotonic() + within_s
    while load.requests < before + 20:
        assert time.monotonic() < deadline, f"it did not answer again: {load.answers}"
        time.sleep(0.05)


@pytest.mark.verify
@pytest.mark.parametrize("leave", [pytest.param(0, id="full"), pytest.param(LEFT_BYTES, id="nearly-full")])
def test_a_full_disk_is_said_and_heals_when_there_is_room(
    tmp_path: Path, mount_tmpfs: MountTmpfs, leave: int
) -> None:
    disk = mount_tmpfs(200)
    server = ServeProcess(disk / "store", tmp_path / "serve.log")
    began = time.monotonic()
    server.start()
    try:
        with Load(server, pause_s=0.02) as load:
            requests_after(load, within_s=30)
            ballast = fill(disk, leave=leave)
            said = refused_with(server, load, "space", within_s=60)
            time.sleep(5)
            ballast.unlink()
            requests_after(load, within_s=60)
        assert server.signal(signal.SIGTERM) == 0, server.log()
    finally:
        server.stop()

    figures = audit(server, load)
    report(
        f"disk full, {leave:,} bytes left: {figures}, {dict(load.answers)}, {time.monotonic() - began:.0f} s"
    )
    assert "No space left on device" in said or "not enough space" in said


@pytest.mark.verify
def test_a_kill_while_the_disk_is_full_loses_nothing(tmp_path: Path, mount_tmpfs: MountTmpfs) -> None:
    disk = mount_tmpfs(200)
    server = ServeProcess(disk / "store", tmp_path / "serve.log")
    server.start()
    try:
        with Load(server, pause_s=0.02) as load:
            requests_after(load, within_s=30)
            ballast = fill(disk, leave=LEFT_BYTES)
            refused_with(server, load, "space", within_s=60)
            server.signal(signal.SIGKILL)
            ballast.unlink()
            server.start()
            requests_after(load, within_s=60)
        assert server.signal(signal.SIGTERM) == 0, server.log()
    finally:
        server.stop()

    report(f"kill -9 on a full disk: {audit(server, load)}")


def start_refused(store: Path) -> str:
    """What `groundtrace serve` says when it cannot start; one line and exit code 1."""
    done = subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.cli", "serve", "--no-worker", "--no-grpc", "--port", "0",
         "--store", f"chdb://{store}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "leave", [40_960, *(pytest.param(n, marks=pytest.mark.verify) for n in (0, 4_096, 600_000, 30 << 20))]
)
def test_a_start_on_a_full_disk_says_so_in_one_line_and_heals(
    tmp_path: Path, mount_tmpfs: MountTmpfs, leave: int
) -> None:
    disk = mount_tmpfs(100)
    server = ServeProcess(disk / "store", tmp_path / "serve.log")
    ballast = fill(disk, leave=leave)
    said = start_refused(server.store)
    ballast.unlink()
    server.start()

    assert server.signal(signal.SIGTERM) == 0
    assert "No space left on device" in said or "a start takes 32,768 KiB: make room" in said


@pytest.mark.verify
def test_a_store_mounted_read_only_is_said_and_opens_again_writable(
    tmp_path: Path, mount_tmpfs: MountTmpfs
) -> None:
    disk = mount_tmpfs(200)
    server = ServeProcess(disk / "store", tmp_path / "serve.log")
    server.start()
    with Load(server, pause_s=0.02) as load:
        requests_after(load, within_s=30)
    assert server.signal(signal.SIGTERM) == 0
    run_mount("-o", "remount,ro", str(disk))
    said = start_refused(server.store)
    run_mount("-o", "remount,rw", str(disk))

    assert (
        said == f"groundtrace: the store's folder {server.store} cannot be written: Read-only file system\n"
    )
    server.start()
    server.signal(signal.SIGTERM)
    audit(server, load)


@pytest.mark.verify
def test_a_disk_that_turns_read_only_under_load_is_said_and_heals(
    tmp_path: Path, mount_tmpfs: MountTmpfs
) -> None:
    disk = mount_tmpfs(200)
    server = ServeProcess(disk / "store", tmp_path / "serve.log")
    server.start()
    segments = str(server.store / "segments")
    try:
        with Load(server, pause_s=0.02) as load:
            requests_after(load, within_s=30)
            run_mount("--bind", segments, segments)
            run_mount("-o", "remount,bind,ro", segments)
            refused_with(server, load, "the collector cannot write: Read-only file system", within_s=30)
            time.sleep(1)
            subprocess.run(["umount", "--lazy", segments], check=True)
            requests_after(load, within_s=30)
        assert server.signal(signal.SIGTERM) == 0, server.log()
    finally:
        server.stop()

    figures = audit(server, load)
    report(f"read-only under load: {figures}, {dict(load.answers)}")
