"""A collector that is away, seen from real apps: with a spool nothing is lost, and nothing arrives twice."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sdk.conftest import Ended, StubCollector, recovering

RunApp = Callable[..., Ended]

RECOVER = "urllib.request.urlopen(urllib.request.Request({url!r} + '/recover'))"


def names_taken(otlp: StubCollector, refused: int) -> list[str]:
    """The spans' names in the requests after the first ``refused`` ones."""
    return [
        span.name
        for request in otlp.traces()[refused:]
        for resource in request.export.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize("encoding", ["gzip", "none"])
def test_spans_wait_on_disk_and_arrive_once_the_collector_answers(
    otlp: StubCollector, run_app: RunApp, tmp_path: Path, encoding: str
) -> None:
    recovering(otlp, 503)
    ended = run_app(
        f"""
        import urllib.request, groundtrace
        groundtrace.instrument({otlp.url!r}, api_key="k-1")
        for name in ("a", "b", "c"):
            with groundtrace.chain(name): pass
            print(groundtrace.flush())
        {RECOVER.format(url=otlp.url)}
        with groundtrace.chain("d"): pass
        print(groundtrace.flush())
        with groundtrace.chain("e"): pass
        print(groundtrace.flush())
        """,
        GROUNDTRACE_SPOOL=str(tmp_path),
        OTEL_EXPORTER_OTLP_COMPRESSION=encoding,
    )

    assert ended.stdout.split() == ["False"] * 3 + ["True"] * 2
    (line,) = ended.stderr.splitlines()
    assert "HTTP 503" in line
    assert str(tmp_path) in line
    last = [request for request in otlp.received if request.path != "/recover"]
    recovered = next(n for n, request in enumerate(otlp.received) if request.path == "/recover")
    names = names_taken(otlp, recovered)
    assert (names[0], sorted(names[1:-1]), names[-1]) == ("a", ["b", "c", "d"], "e")
    assert {request.headers["authorization"] for request in last} == {"Bearer k-1"}
    assert otlp.traces()[0].body == otlp.traces()[recovered].body, "a collector that took it knows it again"
    assert not list(tmp_path.rglob("*.otlp*"))


def test_a_restarted_app_sends_what_its_forerunner_could_not(
    otlp: StubCollector, run_app: RunApp, tmp_path: Path
) -> None:
    otlp.status = 503
    code = f"""
        import groundtrace
        groundtrace.instrument({otlp.url!r})
        for number in range(3_000):
            with groundtrace.chain(str(number)): pass
        """
    first = run_app(code, GROUNDTRACE_SPOOL=str(tmp_path))
    assert first.seconds < 15
    refused = len(otlp.traces())
    otlp.status = 200

    second = run_app(
        f"import groundtrace; groundtrace.instrument({otlp.url!r}); print(groundtrace.flush())",
        GROUNDTRACE_SPOOL=str(tmp_path),
    )

    assert second.stdout == "True\n"
    assert sorted(map(int, names_taken(otlp, refused))) == list(range(3_000))


def test_a_collector_that_is_slow_loses_no_span_of_a_fast_app(
    otlp: StubCollector, run_app: RunApp, tmp_path: Path
) -> None:
    class Slow(list):  # type: ignore[type-arg]
        def append(self, request: object) -> None:
            time.sleep(0.4)
            super().append(request)

    otlp.received = Slow()
    ended = run_app(
        f"""
        import time, groundtrace
        groundtrace.instrument({otlp.url!r})
        for number in range(4_000):
            with groundtrace.chain(str(number)): pass
            if number % 100 == 0: time.sleep(0.08)
        print(groundtrace.flush())
        """,
        GROUNDTRACE_SPOOL=str(tmp_path),
        # The app makes four batches in the time that one takes, and the queue has room for a second's.
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="128",
        OTEL_BSP_MAX_QUEUE_SIZE="2048",
    )

    assert (ended.stdout, ended.stderr) == ("True\n", "")
    assert sorted(map(int, names_taken(otlp, 0))) == list(range(4_000))


def test_workers_share_a_spool_and_each_span_arrives_once(
    otlp: StubCollector, run_app: RunApp, tmp_path: Path
) -> None:
    recovering(otlp, 503)
    ended = run_app(
        f"""
        import os, sys, time, urllib.request, groundtrace
        groundtrace.instrument({otlp.url!r})
        with groundtrace.chain("parent"): pass
        assert not groundtrace.flush()
        children = []
        for worker in range(3):
            child = os.fork()
            if child == 0:
                for number in range(20):
                    with groundtrace.chain(f"{{worker}}-{{number}}"): pass
                    groundtrace.flush()
                sys.exit(0)
            children.append(child)
        time.sleep(0.2)
        {RECOVER.format(url=otlp.url)}
        for child in children:
            os.waitpid(child, 0)
        print(groundtrace.flush())
        """,
        GROUNDTRACE_SPOOL=str(tmp_path),
    )

    assert ended.stdout == "True\n"
    recovered = next(n for n, request in enumerate(otlp.received) if request.path == "/recover")
    taken = names_taken(otlp, recovered)
    before = set(taken) ^ {"parent", *(f"{worker}-{number}" for worker in range(3) for number in range(20))}
    assert not before
    assert len(taken) == len(set(taken))


def test_an_outage_with_a_spool_costs_one_line_and_no_time(run_app: RunApp, tmp_path: Path) -> None:
    ended = run_app(
        """
        import time, groundtrace
        groundtrace.instrument("http://127.0.0.1:9")
        slowest = 0.0
        for _ in range(3_000):
            began = time.perf_counter()
            with groundtrace.chain(): pass
            slowest = max(slowest, time.perf_counter() - began)
        print(slowest < 0.5)
        """,
        GROUNDTRACE_SPOOL=str(tmp_path),
        OTEL_BSP_SCHEDULE_DELAY="50",
    )

    assert (ended.returncode, ended.stdout) == (0, "True\n")
    (line,) = ended.stderr.splitlines()
    assert "they wait in" in line
    assert ended.seconds < 10


def test_a_spool_that_cannot_be_written_costs_the_spans_and_one_line(
    otlp: StubCollector, run_app: RunApp, tmp_path: Path
) -> None:
    otlp.status = 503
    ended = run_app(
        f"""
        import pathlib, shutil, groundtrace
        groundtrace.instrument({otlp.url!r})
        folder = pathlib.Path({str(tmp_path / "spool")!r})
        shutil.rmtree(folder)
        folder.write_text("no folder any more")
        for _ in range(2):
            with groundtrace.chain(): pass
            groundtrace.flush()
        """,
        GROUNDTRACE_SPOOL=str(tmp_path / "spool"),
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )

    assert ended.returncode == 0
    unwritable, lost = ended.stderr.splitlines()
    assert "the spool cannot be written" in unwritable
    assert "no spans reach the collector" in lost


def test_another_keys_spans_are_not_sent_with_ours(
    otlp: StubCollector, run_app: RunApp, tmp_path: Path
) -> None:
    otlp.status = 503
    code = """
        import groundtrace
        groundtrace.instrument({url!r}, api_key={key!r})
        with groundtrace.chain({key!r}): pass
        """
    run_app(code.format(url=otlp.url, key="theirs"), GROUNDTRACE_SPOOL=str(tmp_path))
    otlp.status = 200
    otlp.received.clear()

    run_app(code.format(url=otlp.url, key="ours"), GROUNDTRACE_SPOOL=str(tmp_path))

    assert names_taken(otlp, 0) == ["ours"]
