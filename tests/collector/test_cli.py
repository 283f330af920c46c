"""The command `groundtrace`: works on a bare install, loads late, fails in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from groundtrace_collector.commands.group import COMMANDS, LazyGroup, command
from tests.collector.conftest import ServeProcess


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_without_click_the_command_names_the_extra_in_one_line() -> None:
    # An empty entry in sys.modules is how Python itself marks a module as not importable.
    done = _run(
        "import sys, importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'click' else real(name, package)\n"
        "sys.modules['click'] = None\n"
        "from groundtrace_collector.cli import main\n"
        "sys.exit(main())"
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "groundtrace: the command line is not installed. Run: pip install 'groundtrace[collector,embedded]'\n"
    )


def test_help_lists_every_command_and_imports_none_of_the_heavy_libraries() -> None:
    done = _run(
        "import sys\n"
        "from groundtrace_collector.cli import main\n"
        "sys.argv = ['groundtrace', '--help']\n"
        "code = main()\n"
        "heavy = {'chdb', 'scipy', 'numpy', 'fastapi', 'sqlglot', 'clickhouse_connect'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
        "sys.exit(code)"
    )

    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert all(name in done.stdout for name in COMMANDS)


def test_an_expected_error_is_one_line_on_stderr_and_exit_1() -> None:
    done = _run(
        "import sys\n"
        "from groundtrace_collector.cli import main\n"
        "sys.argv = ['groundtrace', 'traces', '--url', 'http://127.0.0.1:9']\n"
        "sys.exit(main())"
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("groundtrace: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["nonsense"], ["traces", "--nonsense"], ["trace"]])
def test_misuse_exits_2(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("given", ["", " "])
def test_a_trace_without_an_id_is_told_that_one_is_needed(given: str) -> None:
    done = CliRunner().invoke(command, ["trace", given])

    assert done.exit_code == 2
    assert "a trace id is needed" in done.output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("compair", "No such command 'compair'. Did you mean 'compare'?", id="misspelt"),
        pytest.param("quux", "No such command 'quux'.", id="like none"),
    ],
)
def test_a_command_that_there_is_not_is_told_with_a_guess(name: str, said: str) -> None:
    done = CliRunner().invoke(command, [name])

    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == f"Error: {said}"


def test_every_command_of_the_design_is_there() -> None:
    named = "demo serve worker traces trace cohorts compare scores sql export eval jobs dataset replay gate card keys"
    assert {*named.split(), "migrate", "doctor"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_loads_and_has_help(name: str) -> None:
    assert isinstance(command, LazyGroup)
    loaded = command.get_command(click.Context(command), name)

    assert loaded is not None
    assert loaded.help


def test_every_command_module_is_in_the_table() -> None:
    import groundtrace_collector.commands as package

    modules = {path.stem for path in Path(package.__path__[0]).glob("*.py")}

    assert {name for name in modules if not name.startswith("_")} - {"group", "reading", "table"} == set(
        COMMANDS
    )


def test_an_empty_list_says_so_beside_its_header(serve: ServeProcess) -> None:
    said = {
        ("traces",): "no trace matches",
        ("scores",): "no score matches",
        ("cohorts", "saved"): "no cohort is saved; save one: groundtrace cohorts save NAME EXPRESSION",
        ("dataset", "list"): "there are no datasets; make one: groundtrace dataset import NAME FILE",
        ("eval", "calibrations"): "no calibration is in force; make one: groundtrace eval calibrate NAME",
    }

    for arguments, words in said.items():
        done = CliRunner().invoke(command, [*arguments, "--url", serve.url])
        assert (done.exit_code, done.stderr) == (0, f"{words}\n"), arguments
        assert len(done.stdout.splitlines()) <= 1
