"""`groundtrace keys` as a user runs it, on running and on stopped stores; and binding beyond this machine."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.collector.access.conftest import bearer
from tests.collector.conftest import ServeProcess

EVERYWHERE = "0.0.0.0"  # noqa: S104  (what is tested is that it is refused)
GROUNDTRACE = [sys.executable, "-m", "groundtrace_collector.cli"]


def run(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GROUNDTRACE_")}
    return subprocess.run(
        [*GROUNDTRACE, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env={**kept, "XDG_DATA_HOME": str(home), **variables},
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_a_key_is_made_on_a_stopped_store_and_opens_the_server_that_runs_on_it_later(
    serve: ServeProcess, home: Path
) -> None:
    serve.signal(signal.SIGTERM)
    store = f"chdb://{serve.store}"

    made = run("keys", "create", "ops", "--role", "admin", "--store", store, home=home)
    listed = run("keys", "list", "--store", store, "--json", home=home)
    serve.start()

    token = made.stdout.strip()
    assert made.returncode == 0, made.stderr
    assert "not shown again" in made.stderr
    assert [key["name"] for key in json.loads(listed.stdout)["keys"]] == ["ops"]
    assert token not in listed.stdout
    assert httpx.get(f"{serve.url}/api/v1/traces").status_code == 401
    assert httpx.get(f"{serve.url}/api/v1/traces", headers=bearer(token)).status_code == 200


@pytest.mark.verify
def test_when_a_key_was_last_used_is_listed_after_the_server_stopped(serve: ServeProcess, home: Path) -> None:
    store = f"chdb://{serve.store}"
    token = run("keys", "create", "app", "--store", store, home=home).stdout.strip()
    httpx.post(f"{serve.url}/v1/traces", headers=bearer(token))
    serve.signal(signal.SIGTERM)

    listed = run("keys", "list", home=home, GROUNDTRACE_STORE=store)

    (row,) = [line for line in listed.stdout.splitlines() if "app" in line]
    assert "last_used_at" in listed.stdout
    assert row.count("T") == 2, listed.stdout  # made and used, not revoked


def test_a_running_server_is_asked_with_a_key_and_refuses_without(serve: ServeProcess, home: Path) -> None:
    # No key yet: whoever reaches it may make the first.
    first = run("keys", "create", "ops", "--role", "admin", "--url", serve.url, "--json", home=home)
    token = json.loads(first.stdout)["key"]

    refused = run("keys", "create", "app", "--url", serve.url, home=home)
    made = run("keys", "create", "app", "--url", serve.url, home=home, GROUNDTRACE_API_KEY=token)
    revoked = run("keys", "revoke", "app", "--url", serve.url, home=home, GROUNDTRACE_API_KEY=token)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no API key" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert made.stdout.startswith("gt_")
    assert revoked.returncode == 0
    answer = httpx.post(f"{serve.url}/v1/traces", headers=bearer(made.stdout.strip()))
    assert answer.status_code == 401


def test_who_may_read_the_stores_folder_reaches_its_server_without_a_key(
    serve: ServeProcess, home: Path
) -> None:
    store = f"chdb://{serve.store}"
    secret = serve.store / "local.key"
    first = run("keys", "create", "app", "--store", store, home=home)  # may not make keys itself

    second = run("keys", "create", "ops", "--role", "admin", "--store", store, home=home)

    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert httpx.get(f"{serve.url}/api/v1/keys", headers=bearer(second.stdout.strip())).status_code == 200
    serve.signal(signal.SIGTERM)
    assert not secret.exists()


def test_a_wrong_key_command_is_one_line(serve: ServeProcess, home: Path) -> None:
    done = run("keys", "revoke", "nobody", "--url", serve.url, home=home)

    assert (done.returncode, done.stdout) == (1, "")
    assert "no key 'nobody' is in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("list",), ("revoke", "ops")], ids=lambda given: given[0])
def test_keys_of_a_store_that_is_not_there_are_an_error_and_make_no_store(
    arguments: tuple[str, ...], tmp_path: Path, home: Path
) -> None:
    done = run("keys", *arguments, "--store", f"chdb://{tmp_path}/misspelt", home=home)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"groundtrace: there is no store at {tmp_path}/misspelt: ")
    assert not (tmp_path / "misspelt").exists()


def test_beyond_this_machine_it_serves_only_with_a_key(serve: ServeProcess, home: Path) -> None:
    serve.signal(signal.SIGTERM)
    store = f"chdb://{serve.store}"
    arguments = ("serve", "--host", EVERYWHERE, "--port", "0", "--no-grpc", "--no-worker", "--store", store)

    refused = run(*arguments, home=home)
    command = refused.stderr.partition("`groundtrace ")[2].partition("`")[0].replace("NAME", "ops")
    made = run(*command.split(), home=home)
    serve.start("--host", EVERYWHERE, "--allow-host", "traces.example")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    assert made.returncode == 0, made.stderr
    url = serve.url.replace(EVERYWHERE, "127.0.0.1")
    headers = bearer(made.stdout.strip())
    assert httpx.get(f"{url}/api/v1/traces").status_code == 401
    assert httpx.get(f"{url}/api/v1/traces", headers=headers).status_code == 200
    for host, status in (("traces.example", 200), ("10.1.2.3:4318", 200), ("evil.example", 421)):
        answer = httpx.get(f"{url}/api/v1/traces", headers={**headers, "host": host})
        assert answer.status_code == status, host


@pytest.mark.verify
def test_the_worker_comes_in_with_a_key_of_its_own(serve: ServeProcess, home: Path) -> None:
    serve.signal(signal.SIGTERM)
    store = f"chdb://{serve.store}"
    run("keys", "create", "ops", "--store", store, home=home)
    command = [*GROUNDTRACE, "serve", "--port", "0", "--no-grpc", "--store", store]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            worker = _worker_of(server.pid)
            arguments = Path(f"/proc/{worker}/cmdline").read_text()
            environment = Path(f"/proc/{worker}/environ").read_text().split("\0")
            key = next(each for each in environment if each.startswith("GROUNDTRACE_API_KEY="))[20:]
            claim = {"worker": "w", "evaluators": {}}
            answer = httpx.post(f"{url}/api/v1/jobs/claim", json=claim, headers=bearer(key), timeout=30)
        finally:
            server.terminate()
        said, complained = server.communicate(timeout=30)

    assert answer.status_code == 200
    assert key not in arguments + said + complained
    assert "refuses this worker" not in complained


def _worker_of(pid: int) -> int:
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            if "worker" in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                return int(child)
