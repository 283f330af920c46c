"""A server that a test starts itself, with the settings it wants, on the disk it wants."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.collector.conftest import ServeProcess

MountTmpfs = Callable[[int], Path]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServeProcess]:
    """A server that does not run yet."""
    process = ServeProcess(tmp_path / "store", tmp_path / "serve.log")
    yield process
    process.stop()


@pytest.fixture
def mount_tmpfs(tmp_path: Path) -> Iterator[MountTmpfs]:
    """Mounts a file system of so many MB and returns where; skips where mounting is refused."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        run_mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
        mounted.append(folder)
        return folder

    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run_mount(*arguments: str) -> None:
    """Run mount(8); skips the test, with what it says, where it is refused."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode != 0:
        pytest.skip(f"mounting is refused here: {done.stderr.strip()}")
