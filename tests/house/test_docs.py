"""The README and docs are true: their Python runs, their commands exist, their links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from groundtrace_collector.commands.group import command as group

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)")


class Block(NamedTuple):
    name: str
    language: str
    text: str


def _blocks() -> list[Block]:
    return [
        Block(f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}", match[1], match[2])
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for match in FENCE.finditer(text)
    ]


def _commands() -> list[tuple[str, str]]:
    """Each line of a shell block that calls `groundtrace`."""
    shells = [block for block in _blocks() if block.language in {"bash", "sh", "console"}]
    lines = [
        (f"{block.name}: {line}", line)
        for block in shells
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    return [(name, line) for name, line in lines if line.removeprefix("$ ").startswith("groundtrace ")]


@pytest.mark.parametrize("block", [b for b in _blocks() if b.language == "python"], ids=lambda b: b.name)
def test_each_python_block_runs_on_its_own(block: Block, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", block.text],
        check=False, capture_output=True, text=True, cwd=tmp_path, timeout=60,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(("name", "line"), _commands(), ids=lambda value: value[:80])
def test_each_command_shown_exists_with_its_options(
    name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(line.removeprefix("$ ").removesuffix("&"), comments=True)[1:]
    words = words[: words.index("|")] if "|" in words else words
    command: click.Command = group
    context = click.Context(group, info_name="groundtrace")
    # A group that does something itself takes options: `groundtrace scores --name groundedness`.
    while isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"{name} shows a command that does not exist: {words[0]}"
        command, words = found, words[1:]

    monkeypatch.chdir(tmp_path)
    for file in (word for word in words if re.fullmatch(r"[\w-]+\.\w+", word)):
        Path(file).touch()  # the reader has it
    command.make_context("groundtrace", words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [
        t for t in LINK.findall(page.read_text(encoding="utf-8")) if not t.startswith(("http", "mailto:"))
    ]

    assert [target for target in targets if not (page.parent / target).exists()] == []
