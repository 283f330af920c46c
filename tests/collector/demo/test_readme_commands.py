"""The README's commands on the demo that is left up, pasted into a shell in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
SHELL = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"export (GROUNDTRACE_URL)=(\S+)")
DEMO = "groundtrace_collector.demo.replay"

pytestmark = pytest.mark.verify


def _blocks(page: str, holds: str) -> list[str]:
    return [text for text in SHELL.findall((ROOT / page).read_text(encoding="utf-8")) if holds in text]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a second terminal, while the demo stays up in the first."""
    home = tmp_path_factory.mktemp("home")
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home), "PATH": commands}
    words = home / "demo.err"
    with words.open("w") as err:
        process = subprocess.Popen(
            ["groundtrace", "demo"], cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=err,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it takes no lock
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while not (said := EXPORT.search(words.read_text())):
            assert process.poll() is None, words.read_text()
            assert time.monotonic() < deadline, words.read_text()
            time.sleep(0.2)
        yield environment | {said[1]: said[2]}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _paste(script: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_readmes_replay_compare_and_gate_tell_which_family_going_back_would_hurt(
    shell: dict[str, str], tmp_path: Path
) -> None:
    (script,) = _blocks("README.md", DEMO)

    done = _paste(script, tmp_path, shell)

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    (replayed, compared) = [line.split("\t") for line in lines if line.startswith("statements\trecall@5\t")]
    assert "better" in replayed
    assert "better" in compared
    assert lines[-1].startswith("FAIL in all traffic, statements (")
    assert re.search(r"^better: .*statements \(recall@5", done.stderr, re.MULTILINE)


def test_the_replay_guides_report_and_card_are_written(shell: dict[str, str], tmp_path: Path) -> None:
    (script,) = _blocks("docs/replay.md", f"python -m {DEMO}")

    done = _paste(script, tmp_path, shell)

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["candidate"]["name"] == "lsa@2"
    assert (tmp_path / "card.md").read_text().startswith("# lsa@2")


def test_the_gate_guides_example_lets_the_demos_candidate_pass(shell: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (script,) = _blocks("docs/gate.md", "examples/gate/gate.toml")

    done = _paste(script.replace("groundtrace demo ", ": "), tmp_path, shell)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS (" in done.stdout
    assert "✅" in (tmp_path / "gate.md").read_text()
