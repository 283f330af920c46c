"""deploy/ and docs/deploy.md name what exists: settings, commands, paths. (Docker itself is not here to ask.)"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml

from groundtrace_collector.app import ROUTED
from groundtrace_collector.commands.group import command as groundtrace
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.store.engine import OLDEST_SERVER

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
DOCS = ROOT / "docs" / "deploy.md"
# What the image of ClickHouse reads, as its own documentation lists it.
_CLICKHOUSE = {
    "CLICKHOUSE_DB",
    "CLICKHOUSE_USER",
    "CLICKHOUSE_PASSWORD",
    "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class MissingError(Exception):
    """A variable without which Compose refuses to start."""


def interpolated(text: str, environ: dict[str, str]) -> str:
    """The text as Compose fills it: `${A}`, `${A:-default}`, `${A:?reason}`."""

    def value(match: re.Match[str]) -> str:
        name, sign, rest = match.groups()
        if environ.get(name):
            return environ[name]
        if sign == "-":
            return str(rest)
        raise MissingError(f"{name}: {rest}")

    return _VARIABLE.sub(value, text)


def compose(**environ: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(interpolated((DEPLOY / "compose.yaml").read_text(), environ))
    return loaded


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose(CLICKHOUSE_PASSWORD="ab12")["services"]  # noqa: S106
    return found


def parse(arguments: list[str]) -> None:
    """Parse a command line as `groundtrace` does, without running it; raises click's errors."""
    command: click.Command = groundtrace
    context = click.Context(groundtrace, info_name="groundtrace")
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
        if not isinstance(command, click.Group):
            command.make_context(name, arguments, parent=context)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def instruction(name: str) -> str:
    return [rest for found, rest in instructions() if found == name][-1]


def test_every_setting_is_one_of_the_collectors_and_valid(services: dict[str, Any]) -> None:
    environ = {name: str(value) for name, value in services["groundtrace"]["environment"].items()}

    config = CollectorConfig.from_env(environ)

    known = {f"GROUNDTRACE_{name.upper()}" for name in CollectorConfig.model_fields}
    assert not set(environ) - known
    assert (config.retention_days, config.allow_host, config.log_format) == (30, ("groundtrace",), "json")
    assert not config.embedded


def test_the_store_is_the_server_with_its_own_user_and_password(services: dict[str, Any]) -> None:
    server = services["clickhouse"]["environment"]
    store = urlsplit(services["groundtrace"]["environment"]["GROUNDTRACE_STORE"])

    assert not set(server) - _CLICKHOUSE
    assert (store.hostname, store.port) == ("clickhouse", 8123)
    assert (store.username, store.password) == (server["CLICKHOUSE_USER"], server["CLICKHOUSE_PASSWORD"])
    assert store.path == f"/{server['CLICKHOUSE_DB']}"


def test_the_servers_version_is_new_enough(services: dict[str, Any]) -> None:
    version = services["clickhouse"]["image"].rpartition(":")[2]

    assert tuple(map(int, version.split("."))) >= tuple(map(int, OLDEST_SERVER.split(".")))


def test_a_password_must_be_set_and_settings_can_be() -> None:
    with pytest.raises(MissingError, match=r"CLICKHOUSE_PASSWORD: write one into deploy/\.env"):
        compose()

    chosen = compose(CLICKHOUSE_PASSWORD="x", GROUNDTRACE_RETENTION_DAYS="7")["services"]  # noqa: S106
    assert chosen["groundtrace"]["environment"]["GROUNDTRACE_RETENTION_DAYS"] == 7


def test_the_ports_are_those_it_listens_on_and_reach_this_machine_only(services: dict[str, Any]) -> None:
    config = CollectorConfig.from_env({})
    published = [port.split(":") for port in services["groundtrace"]["ports"]]

    assert {int(inside) for _, _, inside in published} == {config.port, config.grpc_port}
    assert {address for address, _, _ in published} == {"127.0.0.1"}
    assert set(instruction("EXPOSE").split()) == {inside for _, _, inside in published}
    assert "ports" not in services["clickhouse"]


def test_what_must_last_is_on_a_volume(services: dict[str, Any]) -> None:
    volumes = [volume for service in services.values() for volume in service["volumes"]]
    mounted = dict(volume.split(":") for volume in volumes)

    assert set(mounted) == set(compose(CLICKHOUSE_PASSWORD="x")["volumes"])  # noqa: S106
    assert mounted["segments"] == services["groundtrace"]["environment"]["GROUNDTRACE_DATA_DIR"]
    assert instruction("VOLUME") == mounted["segments"]


def test_a_stop_has_time_to_drain(services: dict[str, Any]) -> None:
    assert services["groundtrace"]["stop_grace_period"] == "1m"  # 15 s requests, 10 s commits, 10 s settling


def test_the_image_runs_commands_that_parse(services: dict[str, Any]) -> None:
    entrypoint = json.loads(instruction("ENTRYPOINT"))

    assert entrypoint == ["groundtrace"]
    for arguments in (json.loads(instruction("CMD")), services["groundtrace"]["command"]):
        parse(arguments)


def test_the_image_is_built_from_what_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    kept = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    (extras,) = re.findall(r"/source\[([\w,-]+)\]", (DEPLOY / "Dockerfile").read_text())

    assert all((ROOT / name).exists() for name in kept)
    assert {package.partition("/")[0] for package in wheel} <= kept
    assert {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"} <= kept
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])


def test_the_health_check_asks_a_path_that_is_there() -> None:
    (check,) = re.findall(r"CMD (\[.*\])", instruction("HEALTHCHECK"))
    program = json.loads(check)[2]
    ast.parse(program)
    (url,) = re.findall(r"http://[\w.:/]+", program)

    paths = {getattr(route, "path", "") for module in ROUTED for route in module.router.routes}
    assert urlsplit(url).path in paths
    assert urlsplit(url).port == CollectorConfig.from_env({}).port


def documented() -> list[list[str]]:
    """The arguments of `groundtrace` in every command of the page."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", DOCS.read_text(), re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:3] == ["docker", "compose", "run"]:
                found.append(words[words.index("groundtrace") + 1 :])
            elif "groundtrace" in words and words[:3] != ["docker", "compose", "logs"]:
                found.append(words[len(words) - words[::-1].index("groundtrace") :])
    return found


def test_the_pages_commands_parse() -> None:
    commands = documented()

    assert {words[0] for words in commands} == {"keys", "doctor", "serve"}
    for words in commands:
        parse(words)


def test_a_command_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        parse(["keys", "create", "ops", "--rolle", "admin"])


def test_the_pages_table_names_the_files_variables_and_defaults() -> None:
    used = {name: rest for name, _, rest in _VARIABLE.findall((DEPLOY / "compose.yaml").read_text()) if rest}
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", DOCS.read_text(), re.MULTILINE)

    assert {name for name, _ in rows} == set(used)
    for name, default in rows:
        assert default.strip().strip("`") == used[name] or name == "CLICKHOUSE_PASSWORD"
