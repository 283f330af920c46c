"""`groundtrace doctor`: what it finds on stores and collectors that are well, and on those that are not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.doctor.answering import check_clock, check_collector
from groundtrace_collector.doctor.finding import State
from groundtrace_collector.doctor.machine import check_disk, check_ports, check_python, missing_of
from groundtrace_collector.errors import ConfigError
from groundtrace_collector.store.engine import check_engine_version
from groundtrace_collector.store.migrate import migration_names
from tests.collector.conftest import ServeProcess


def doctor(*arguments: str, code: int = 0, **variables: str) -> dict[str, dict[str, str]]:
    """The findings by check."""
    done = run("doctor", "--json", *arguments, **variables)
    assert done.returncode == code, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["ok"] is (code == 0)
    return {finding["check"]: finding for finding in said["checks"]}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GROUNDTRACE_")}
    return subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.cli", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={**kept, **variables},
    )  # fmt: skip


def test_a_running_collector_is_found_by_its_store(serve: ServeProcess) -> None:
    found = doctor("--store", f"chdb://{serve.store}")

    assert found["store"]["message"] == f"{serve.store} is in use by pid {serve.pid} at {serve.url}"
    assert found["collector"]["message"] == f"answers at {serve.url}"
    assert found["key"]["message"] == "the collector asks for no key"
    assert {finding["state"] for finding in found.values()} <= {"ok", "warn"}


def test_a_stopped_store_is_opened_and_left_as_it_was(serve: ServeProcess) -> None:
    serve.signal(signal.SIGTERM)

    found = doctor("--store", f"chdb://{serve.store}")

    assert found["store"]["message"] == f"{serve.store} can be opened and is up to date"
    assert found["engine"]["message"].startswith("ClickHouse ")
    serve.start()  # nothing holds it any more


@pytest.mark.verify  # its like for `serve` is in serve/test_serve.py
def test_a_store_of_a_newer_engine_fails(serve: ServeProcess) -> None:
    serve.signal(signal.SIGTERM)
    (serve.store / "engine.json").write_text('{"engine": "99.1.1.1"}')

    found = doctor("--store", f"chdb://{serve.store}", code=1)

    assert found["store"]["state"] == "fail"
    assert "upgrade chdb" in found["store"]["message"]


def test_a_store_that_is_not_there_is_made_later_and_not_now(tmp_path: Path) -> None:
    found = doctor("--store", f"chdb://{tmp_path / 'new'}")

    assert found["store"]["message"].endswith("`groundtrace serve` makes it")
    assert not (tmp_path / "new").exists()


def test_a_store_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("notes")

    found = doctor("--store", f"chdb://{tmp_path / 'store'}", code=1)

    assert found["store"]["message"] == f"{tmp_path / 'store'} is a file, not a folder"


def test_migrate_tells_what_it_applied(tmp_path: Path) -> None:
    address = f"chdb://{tmp_path / 'store'}"

    first, second = (run("migrate", "--store", address, "--json") for _ in range(2))

    assert json.loads(first.stdout) == {"store": address, "applied": migration_names()}
    assert json.loads(second.stdout) == {"store": address, "applied": []}
    assert second.stderr == f"groundtrace: {address} is up to date: nothing was to be done\n"


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    done = run("migrate", "--store", "clickhouse://127.0.0.1:9/x", XDG_DATA_HOME=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr == (
        "groundtrace: the store clickhouse://127.0.0.1:9/x cannot be opened: "
        "the ClickHouse server does not answer: Connection refused\n"
    )


@pytest.mark.parametrize("text", ["garbage", "[]", "{}", '{"engine": "abc"}'])
def test_an_engine_file_that_is_damaged_is_not_taken_for_an_old_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text)

    with pytest.raises(ConfigError, match="is damaged: it should hold the engine's version"):
        check_engine_version(tmp_path)


def test_a_clickhouse_server_that_does_not_answer_fails() -> None:
    found = doctor("--store", "clickhouse://127.0.0.1:1/db", code=1)

    assert found["store"]["message"] == "127.0.0.1/db does not answer"


def test_a_collector_that_was_named_and_does_not_answer_fails(tmp_path: Path) -> None:
    store = f"chdb://{tmp_path / 'store'}"

    assert doctor("--store", store, "--url", "http://127.0.0.1:1", code=1)["collector"]["state"] == "fail"


def test_a_page_of_someone_else_is_one_line() -> None:
    with HTTPServer(
        ("127.0.0.1", 0), BaseHTTPRequestHandler
    ) as server:  # answers 501 with a page of many lines
        asking = Thread(target=server.handle_request)
        asking.start()
        (found, *_) = check_collector(f"http://127.0.0.1:{server.server_port}", None, named=True)
        asking.join()

    assert found.state is State.FAIL
    assert "/readyz says 501: <!DOCTYPE HTML>" in found.message
    assert "\n" not in found.message


@pytest.mark.verify
def test_the_key_is_tried(serve: ServeProcess) -> None:
    made = {
        role: run("keys", "create", role, "--role", role, "--store", f"chdb://{serve.store}").stdout.strip()
        for role in ("admin", "ingest")
    }

    def said(code: int, **variables: str) -> str:
        return doctor("--url", serve.url, code=code, **variables)["key"]["message"]

    assert said(1) == "the collector asks for a key, and GROUNDTRACE_API_KEY is not set"
    assert said(1, GROUNDTRACE_API_KEY="x") == "the collector does not take the key in GROUNDTRACE_API_KEY"
    assert said(0, GROUNDTRACE_API_KEY=made["admin"]) == "the key may read"
    assert said(0, GROUNDTRACE_API_KEY=made["ingest"]) == "the key may send spans, and not read (role ingest)"


def test_people_get_one_line_a_check(tmp_path: Path) -> None:
    done = run("doctor", "--store", f"chdb://{tmp_path / 'new'}")

    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[0].startswith("ok    python: Python 3.")
    assert all(line.split()[0] in {"ok", "warn", "fail"} for line in lines)
    assert all(" — " in line for line in lines if line.startswith(("warn", "fail")))


def test_a_port_in_other_hands_is_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        config = CollectorConfig(store=f"chdb://{tmp_path}", data_dir=tmp_path, port=port, grpc_port=None)

        (others,) = check_ports(config, None)
        (own,) = check_ports(config, os.getpid())

    assert (others.state, own.state) == (State.WARN, State.OK)
    assert f"{port} is taken by pid {os.getpid()}" in others.message
    assert others.advice.endswith("another --port")


@pytest.mark.parametrize(
    ("free", "state"), [(100 << 30, State.OK), (1 << 30, State.WARN), (1 << 20, State.FAIL)]
)
def test_little_room_is_told(
    free: int, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=free))

    assert check_disk(tmp_path / "not" / "there").state is state


def test_a_clock_from_long_ago_fails() -> None:
    assert check_clock(0.0).state is State.FAIL
    assert check_clock().state is State.OK


def test_an_old_python_fails() -> None:
    assert check_python((3, 10)).state is State.FAIL


def test_what_an_extra_lacks_is_named() -> None:
    assert missing_of("embedded") == []
    assert missing_of("no-such-extra") == []
