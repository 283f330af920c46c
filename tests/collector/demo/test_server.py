"""The collector that the demo starts, as a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundtrace.errors import GroundtraceError
from groundtrace_collector.demo.server import RunningCollector, new_data_dir, running_collector


def _collector(process: subprocess.Popen[bytes], log: Path) -> RunningCollector:
    return RunningCollector(url="http://127.0.0.1:9", store="chdb:///nowhere", log=log, process=process)


def test_a_collector_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "collector.log"
    log.write_text("starting\n\nthe disk is full\n")
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait()

    with pytest.raises(GroundtraceError) as failed:
        _collector(process, log).wait_until_ready()

    assert "ended with code 3" in str(failed.value)
    assert "starting | the disk is full" in str(failed.value)
    assert str(log) in str(failed.value)


def test_each_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    first, second = new_data_dir(environ), new_data_dir(environ)

    assert first != second
    assert first.is_dir()
    assert second.is_dir()
    assert first.parent == tmp_path / "groundtrace"


def test_without_xdg_data_home_the_folder_is_in_the_home(tmp_path: Path) -> None:
    folder = new_data_dir({"HOME": str(tmp_path)})

    assert folder.parent == tmp_path / ".local" / "share" / "groundtrace"


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "groundtrace").write_text("a file, not a folder")

    with pytest.raises(GroundtraceError, match="XDG_DATA_HOME"):
        new_data_dir({"XDG_DATA_HOME": str(tmp_path)})


def test_the_collector_is_stopped_whatever_happens_in_the_block(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), running_collector(tmp_path) as collector:
        raise KeyboardInterrupt

    assert collector.process.poll() is not None


@pytest.mark.verify
def test_the_collector_becomes_ready_and_leaves_its_store_unlocked(tmp_path: Path) -> None:
    with running_collector(tmp_path) as collector:
        collector.wait_until_ready()
        first = collector.process.pid
    (tmp_path / "collector.log").unlink()

    assert not _is_alive(first)
    assert collector.store == f"chdb://{tmp_path}/store"
    # The same store opens again: nobody holds it.
    with running_collector(tmp_path) as again:
        again.wait_until_ready()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
