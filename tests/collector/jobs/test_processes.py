"""Real server, real workers, real kills: every trace is scored exactly once."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.collector.jobs.processes import (
    COMMAND,
    counts,
    groundtrace,
    kill,
    send_traces,
    stored_rows,
    wait_until,
    worker,
)
from tests.e2e.collector_process import CollectorProcess, free_port
from tests.evaluators.judge.stub import serving

JOB = {"name": "quality", "evaluators": ["groundedness", "hallucination_score"], "every": "1s"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CollectorProcess]:
    """A server without a worker of its own."""
    process = CollectorProcess(store=f"chdb://{tmp_path}/store", home=tmp_path, arguments=["--no-worker"])
    process.start()
    yield process
    process.stop()


def add_job(url: str) -> None:
    httpx.post(f"{url}/api/v1/jobs", json=JOB, timeout=30).raise_for_status()


@pytest.mark.verify  # takes a tenth of the time that the whole suite may take
def test_workers_and_server_killed_midway_leave_each_trace_scored_exactly_once(
    server: CollectorProcess, tmp_path: Path
) -> None:
    traces = 300
    add_job(server.url)
    send_traces(server.url, range(traces), words=60, passages=3)
    with worker(server.url, tmp_path / "w1.log") as first, worker(server.url, tmp_path / "w2.log") as second:
        wait_until(lambda: counts(server.url)["scored"] > 0, within_s=60, every_s=0.02)
        kill(first)
        kill(second)
        server.signal(signal.SIGKILL)
        server.start()
    assert 0 < counts(server.url)["scored"] < 2 * traces
    with worker(server.url, tmp_path / "w3.log"), worker(server.url, tmp_path / "w4.log"):
        wait_until(lambda: counts(server.url)["scored"] == 2 * traces, within_s=60)

    again = groundtrace("jobs", "run", "quality", "--json", url=server.url)
    server.stop()

    assert (again.returncode, json.loads(again.stdout)["scores_added"]) == (0, 0), again.stderr
    rows = stored_rows(tmp_path / "store")
    assert rows == dict.fromkeys(rows, 2 * traces)


@pytest.mark.verify
def test_a_worker_waits_for_a_collector_that_is_away_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with worker(f"http://127.0.0.1:{port}", tmp_path / "worker.log") as waiting:
        wait_until(lambda: "trying again" in (tmp_path / "worker.log").read_text(), within_s=30)
        server = CollectorProcess(
            store=f"chdb://{tmp_path}/store", home=tmp_path, arguments=["--no-worker"], port=port
        )
        server.start()
        with contextlib.closing(contextlib.ExitStack()) as stack:
            stack.callback(server.stop)
            add_job(server.url)
            send_traces(server.url, range(5))
            wait_until(lambda: counts(server.url)["scored"] == 10, within_s=60)
            # Before the collector goes: the worker would notice that it is away once more.
            waiting.terminate()
            assert waiting.wait(timeout=30) == 0
    log = (tmp_path / "worker.log").read_text()
    assert log.count("no collector answers") == 1
    assert "is back" in log
    assert "Traceback" not in log


def test_a_worker_ends_when_the_server_that_started_it_is_killed(tmp_path: Path) -> None:
    script = f"{' '.join(COMMAND)} worker --url http://127.0.0.1:9 --parent-pid $$ & echo $!; wait"
    shell = subprocess.Popen(
        ["/bin/sh", "-c", script], stdout=subprocess.PIPE, cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    assert shell.stdout is not None
    orphan = int(shell.stdout.readline())
    time.sleep(2)
    assert is_running(orphan)

    kill(shell)
    shell.stdout.close()

    wait_until(lambda: not is_running(orphan), within_s=10)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.verify
def test_the_server_starts_a_worker_that_scores_new_traces_by_itself(tmp_path: Path) -> None:
    server = CollectorProcess(store=f"chdb://{tmp_path}/store", home=tmp_path)
    server.start()
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(server.stop)
        added = groundtrace(
            "jobs", "add", "quality", "--evaluator", "groundedness", "--every", "1s", url=server.url
        )
        send_traces(server.url, range(3))

        wait_until(lambda: counts(server.url)["scored"] == 3, within_s=60)
        internal = {"where": "project = 'groundtrace.internal'"}
        wait_until(lambda: server.get("/api/v1/traces/count", **internal)["spans"] > 3, within_s=60)
        own = [
            server.get(f"/api/v1/traces/{each['trace_id']}")
            for each in server.get("/api/v1/traces", **internal)["traces"]
        ]
        # Time in which the evaluations would be evaluated, were they not left out.
        listed = server.get("/api/v1/traces")["traces"]

    assert added.returncode == 0, added.stderr
    assert len(listed) == 3
    spans = [span for trace in own for span in trace["spans"] if span["kind"] == "EVALUATOR"]
    evaluated = [span["attributes"] for span in spans]
    assert {each["groundtrace.evaluated.trace_id"] for each in evaluated} == {f"{n:032x}" for n in (1, 2, 3)}
    assert {each["groundtrace.evaluated.span_id"] for each in evaluated} == {
        f"{n:08x}{0:08x}" for n in (1, 2, 3)
    }
    assert {span["name"] for span in spans} == {"groundedness"}
    assert {each["groundtrace.evaluation.status"] for each in evaluated} == {"ok"}
    assert all(each["groundtrace.evaluator.version"] for each in evaluated)
    assert not any(trace["incomplete"] for trace in own)


def test_the_command_line_adds_runs_lists_pauses_and_removes(server: CollectorProcess) -> None:
    url = server.url
    send_traces(url, range(20))
    added = groundtrace(
        "jobs", "add", "old", "--evaluator", "groundedness", "--sample", "0.999999", "--every", "1h", url=url
    )
    ran = groundtrace("jobs", "run", "old", url=url)
    once = groundtrace("eval", "run", "hallucination_score", "--since", "24h", "--json", url=url)
    paused = groundtrace("jobs", "pause", "old", "--json", url=url)
    listed = groundtrace("jobs", "list", url=url)
    removed = groundtrace("jobs", "remove", "old", url=url)
    empty = groundtrace("jobs", "list", url=url)

    assert added.stdout == "job old: groundedness, every 1h\n"
    assert ran.stdout == "job old: 20 scores added\n"
    assert "20/20" in ran.stderr
    assert json.loads(once.stdout)["scores_added"] == 20
    assert json.loads(paused.stdout)["state"] == "paused"
    assert "old  paused, every 1h: groundedness" in listed.stdout
    assert "scored 20" in listed.stdout
    assert removed.stdout == "job old is removed\n"
    assert (empty.stdout, empty.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(
            ["jobs", "add", "q", "--evaluator", "nope"], 1, "no evaluator is named 'nope'", id="evaluator"
        ),
        pytest.param(
            ["jobs", "add", "q", "--evaluator", "groundedness", "--where", "x ="],
            1,
            "position",
            id="where",
            marks=pytest.mark.verify,
        ),
        pytest.param(
            ["jobs", "add", "q", "--evaluator", "groundedness", "--every", "7y"],
            1,
            "'7y'",
            id="every",
            marks=pytest.mark.verify,
        ),
        pytest.param(
            ["jobs", "add", "q", "--evaluator", "groundedness", "--sample", "2"],
            1,
            "got 2",
            id="sample",
            marks=pytest.mark.verify,
        ),
        pytest.param(["jobs", "add", "q"], 2, "--evaluator", id="no-evaluator"),
        pytest.param(["jobs", "run", "q"], 1, "there is no job 'q'", id="run", marks=pytest.mark.verify),
        pytest.param(
            ["eval", "run", "nope"], 1, "no evaluator is named 'nope'", id="eval", marks=pytest.mark.verify
        ),
        pytest.param(["jobs", "list", "--url", "http://127.0.0.1:9"], 1, "no collector answers", id="away"),
        pytest.param(
            ["jobs", "list", "--url", "localhost"],
            1,
            "must be an http",
            id="no-url",
            marks=pytest.mark.verify,
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    shared: CollectorProcess, arguments: list[str], code: int, words: str
) -> None:
    refused = groundtrace(*arguments, url=shared.url)

    assert refused.returncode == code
    assert words in refused.stderr
    assert refused.stdout == ""
    if code == 1:
        assert refused.stderr.startswith("groundtrace: ")
        assert len(refused.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """One server for the tests that change nothing."""
    home = tmp_path_factory.mktemp("shared")
    process = CollectorProcess(store=f"chdb://{home}/store", home=home, arguments=["--no-worker"])
    process.start()
    yield process
    process.stop()


def test_eval_list_needs_no_collector() -> None:
    listed = json.loads(groundtrace("eval", "list", "--json", url="http://127.0.0.1:9").stdout)["evaluators"]

    assert {"name": "groundedness", "inputs": ["answer", "context"], "direction": "higher"}.items() <= next(
        each for each in listed if each["name"] == "groundedness"
    ).items()
    assert all(each["version"] and each["method"] for each in listed)


@pytest.mark.verify
@pytest.mark.timeout(1800)
def test_twenty_thousand_traces_and_two_workers_killed_again_and_again(
    server: CollectorProcess, tmp_path: Path
) -> None:
    """Prints traces a minute and worker core, both evaluators; kills workers and server midway."""
    traces = 20_000
    total = 2 * traces
    add_job(server.url)
    send_traces(server.url, range(traces), words=60, passages=3)
    for round_ in range(1, 4):
        with (
            worker(server.url, tmp_path / "a.log") as first,
            worker(server.url, tmp_path / "b.log") as second,
        ):
            reached = total * round_ // 8
            wait_until(lambda: counts(server.url)["scored"] >= reached, within_s=300, every_s=0.2)  # noqa: B023
            kill(first)
            if round_ == 2:
                server.signal(signal.SIGKILL)
                server.start()
            kill(second)
    done_before, began, cpu_before = counts(server.url)["scored"], time.monotonic(), child_cpu_s()
    with worker(server.url, tmp_path / "a.log") as first, worker(server.url, tmp_path / "b.log") as second:
        wait_until(lambda: counts(server.url)["scored"] >= total, within_s=900, every_s=0.5)
        took_s = time.monotonic() - began
        first.terminate()
        second.terminate()
        first.wait(timeout=10)
        second.wait(timeout=10)
    worker_cpu_s = child_cpu_s() - cpu_before
    done = (total - done_before) / 2
    sys.stdout.write(
        f"\n{done:.0f} traces by 2 evaluators in {took_s:.0f} s with 2 workers:"
        f" {done / worker_cpu_s * 60:,.0f} traces a minute and worker core ({worker_cpu_s:.1f} CPU-s)\n"
    )
    again = groundtrace("jobs", "run", "quality", "--json", url=server.url)
    server.stop()

    assert (again.returncode, json.loads(again.stdout)["scores_added"]) == (0, 0), again.stderr
    rows = stored_rows(tmp_path / "store")
    assert rows == dict.fromkeys(rows, total)


def child_cpu_s() -> float:
    """CPU seconds of the children that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.verify
def test_a_judge_with_a_budget_never_spends_more_whoever_is_killed(
    server: CollectorProcess, tmp_path: Path
) -> None:
    """The judge's endpoint counts what was asked of it; the collector's sum is never below that."""
    settings = tmp_path / "evaluators.toml"
    call_usd = (100 * 1.0 + 20 * 2.0) / 1e6  # the stub's usage
    with serving() as endpoint:
        settings.write_text(
            f'[mini]\nuse = "judged_groundedness"\nbase_url = "{endpoint.url}"\nmodel = "stub"\n'
            "max_output_tokens = 64\nmax_retries = 0\nwindow_chars = 500\n"
            "[mini.prices.stub]\ninput_usd_per_million = 1.0\noutput_usd_per_million = 2.0\n"
        )
        environ = {"GROUNDTRACE_EVALUATORS": str(settings)}
        send_traces(server.url, range(100), words=8, passages=1)
        with worker(server.url, tmp_path / "a.log", environ) as first:
            added = ["jobs", "add", "judged", "--evaluator", "mini", "--every", "1s", "--budget-usd", "1/day"]
            wait_until(lambda: groundtrace(*added, url=server.url).returncode == 0, within_s=60)
            ran = subprocess.Popen(
                [*COMMAND, "jobs", "run", "judged", "--url", server.url], env={**os.environ, **environ},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            wait_until(lambda: len(endpoint.requests) >= 5, within_s=60)
            kill(first)
            kill(ran)
            server.signal(signal.SIGKILL)
            server.start()
        done = groundtrace("jobs", "run", "judged", url=server.url, environ=environ)
        listed = server.get("/api/v1/jobs")["jobs"][0]

    assert done.returncode in {0, 1}, done.stderr
    paid = len(endpoint.requests) * call_usd
    assert 5 * call_usd <= paid <= listed["budget"]["spent_today_usd"] <= listed["budget"]["day_usd"]


@pytest.mark.verify
def test_a_run_that_is_killed_goes_on_where_it_was(server: CollectorProcess, tmp_path: Path) -> None:
    traces = 1_000
    send_traces(server.url, range(traces), words=60, passages=3)
    add_job(server.url)
    run = subprocess.Popen(
        [*COMMAND, "jobs", "run", "quality", "--url", server.url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: counts(server.url)["scored"] > 0, within_s=60, every_s=0.02)
    kill(run)
    done = counts(server.url)["scored"]
    assert 0 < done < 2 * traces

    again = groundtrace("jobs", "run", "quality", "--json", url=server.url)
    server.stop()

    assert (again.returncode, json.loads(again.stdout)["scores_added"]) == (0, 2 * traces - done), (
        again.stderr
    )
    rows = stored_rows(tmp_path / "store")
    assert rows == dict.fromkeys(rows, 2 * traces)
