"""`groundtrace demo` as a user meets it: a real process, stopped, misused, with a library missing."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from groundtrace.errors import MissingExtraError
from groundtrace_collector.demo.run import Options, check_installed


def _demo(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "groundtrace_collector.cli", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home)},
        # What a shell starts in the background ignores Ctrl-C, and so would the demo.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it takes no lock
    )


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _collector_answers(home: Path) -> bool:
    logs = list(home.glob("groundtrace/*/collector.log"))
    return bool(logs) and "http://" in logs[0].read_text()


def _processes_on(home: Path) -> list[str]:
    """Command lines of processes that name ``home``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # ended meanwhile
        if str(home) in words:
            found.append(words)
    return found


@pytest.mark.parametrize(
    ("number", "codes", "words"),
    [
        # Where the interrupt falls into an exec(), as dataclasses do as they are imported, Python itself ends by
        # the signal, whoever caught it; a shell sees 130 all the same.
        (signal.SIGINT, (130, -signal.SIGINT), "Stopped."),
        pytest.param(signal.SIGTERM, (143,), "", marks=pytest.mark.verify),
    ],
)
def test_a_stopped_demo_leaves_no_process_no_traceback_and_no_lock(
    tmp_path: Path, number: signal.Signals, codes: tuple[int, ...], words: str
) -> None:
    process = _demo(tmp_path, "--once")
    try:
        _wait_for(lambda: _collector_answers(tmp_path), process)
        process.send_signal(number)
        out, err = process.communicate(timeout=50)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode in codes, err
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert _processes_on(tmp_path) == []


def test_one_of_the_two_model_options_alone_is_a_misuse(tmp_path: Path) -> None:
    process = _demo(tmp_path, "--llm-model", "tiny")
    _, err = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "--llm-base-url and --llm-model go together" in err
    assert not (tmp_path / "groundtrace").exists()


def test_a_collector_that_cannot_start_is_one_line_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "groundtrace").write_text("a file where the folder should be")
    process = _demo(tmp_path, "--once")
    out, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert out == ""
    assert re.fullmatch(r"groundtrace: cannot write to .*; set XDG_DATA_HOME to a folder\n", err)


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)

    with pytest.raises(MissingExtraError, match=r"bm25s is not installed.*groundtrace\[demo\]"):
        check_installed(Options())


def test_the_library_for_other_models_is_only_needed_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_openai", None)

    check_installed(Options())
    with pytest.raises(MissingExtraError, match="langchain-openai"):
        check_installed(Options(llm_base_url="http://127.0.0.1:1/v1", llm_model="tiny"))
