"""What a bare `pip install groundtrace` puts into a user's app, in a fresh environment."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BARE_INSTALL_MB = 40
PACKAGES = ("groundtrace", "groundtrace_integrations", "groundtrace_evaluators", "groundtrace_collector")
HEAVY = {
    "chdb", "clickhouse_connect", "fastapi", "grpc", "httpx", "jinja2", "langchain_core", "numpy", "pandas",
    "requests", "scipy", "sqlglot", "starlette", "torch", "uvicorn",
    "groundtrace_integrations", "groundtrace_evaluators", "groundtrace_collector",
}  # fmt: skip

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (built,) = out.glob("groundtrace-*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment that holds the wheel and what it requires, no extras."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home, with_pip=True)
    pip = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, text=True)
    return home / "bin"


def _python(bare: Path, code: str) -> str:
    run = subprocess.run([str(bare / "python"), "-c", code], check=True, capture_output=True, text=True)
    return run.stdout


def test_the_wheel_holds_the_four_packages_with_their_types_and_sql(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert any(name.endswith(".sql") for name in names)
    assert any(name.startswith("groundtrace_collector/pages/templates/") for name in names)


def test_importing_groundtrace_loads_nothing_heavy(bare: Path) -> None:
    loaded = json.loads(
        _python(bare, "import groundtrace, json, sys; print(json.dumps(sorted(sys.modules)))")
    )

    assert "groundtrace" in loaded
    assert HEAVY & {name.split(".")[0] for name in loaded} == set()


def test_a_bare_install_has_no_grpc_and_stays_light(bare: Path) -> None:
    site = Path(_python(bare, "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    tools = ("pip", "setuptools", "_distutils_hack", "pkg_resources")
    installed = [path for path in site.iterdir() if not path.name.startswith(tools)]
    # Byte code is the interpreter's cache, not what the wheel weighs, but it is on the user's disk: count it.
    size = sum(
        file.stat().st_size for path in installed for file in [path, *path.rglob("*")] if file.is_file()
    )

    assert not {"grpc", "torch", "numpy", "chdb"} & {path.name for path in installed}
    assert size < BARE_INSTALL_MB * 1_000_000, f"a bare install weighs {size / 1e6:.1f} MB"


def test_one_line_traces_an_app_on_a_bare_install(bare: Path) -> None:
    code = (
        "import groundtrace\n"
        "groundtrace.instrument(endpoint='http://127.0.0.1:9')\n"
        "with groundtrace.retriever(query='q') as step:\n"
        "    step.add_documents([groundtrace.Document(id='d1', score=0.5)])\n"
        "print('traced')"
    )

    assert _python(bare, code) == "traced\n"


@pytest.mark.parametrize("arguments", [["serve"], ["demo"], ["traces"]], ids=" ".join)
def test_the_command_names_the_extra_it_lacks_in_one_line(bare: Path, arguments: list[str]) -> None:
    run = subprocess.run([str(bare / "groundtrace"), *arguments], check=False, capture_output=True, text=True)

    assert run.returncode == 1
    assert run.stdout == ""
    assert len(run.stderr.strip().splitlines()) == 1
    assert "groundtrace[collector" in run.stderr
