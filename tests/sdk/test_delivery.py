"""Delivery without a spool: sent again for a while, kept within bounds, and never at the app's cost."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.sdk.conftest import Ended, Received, StubCollector, recovering

RunApp = Callable[..., Ended]


@pytest.fixture
def hanging() -> Iterator[str]:
    """A collector that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_busy_collector_is_asked_again_a_little_later(otlp: StubCollector, run_app: RunApp) -> None:
    class BusyOnce(list):  # type: ignore[type-arg]
        def append(self, request: object) -> None:
            otlp.status = 503 if not self else 200
            super().append(request)

    otlp.received = BusyOnce()
    ended = run_app(f"""
        import groundtrace
        groundtrace.instrument({otlp.url!r})
        with groundtrace.chain("one"): pass
        print(groundtrace.flush())
    """)

    assert (ended.stdout, ended.stderr) == ("True\n", "")
    first, second = otlp.traces()
    assert first.body == second.body


def test_a_collector_that_hangs_takes_neither_time_nor_memory_of_the_app(
    hanging: str, run_app: RunApp
) -> None:
    ended = run_app(
        f"""
        import gc, time, groundtrace
        from opentelemetry.sdk.trace import ReadableSpan
        groundtrace.instrument({hanging!r})
        slow = 0
        for _ in range(4_000):
            began = time.perf_counter()
            with groundtrace.chain(): pass
            slow += time.perf_counter() - began > 0.5
        print(slow < 3)  # the machine may stall; each of three exports that time out would cost a second
        print(sum(isinstance(kept, ReadableSpan) for kept in gc.get_objects()) < 2 * (1_000 + 512))
        """,
        OTEL_BSP_MAX_QUEUE_SIZE="1000",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )

    assert (ended.returncode, ended.stdout) == (0, "True\nTrue\n")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("no spans reach the collector")
    assert ended.seconds < 25


def test_spans_that_a_slow_collector_has_no_room_for_are_counted_and_told_once(
    otlp: StubCollector, run_app: RunApp
) -> None:
    class Slow(list):  # type: ignore[type-arg]
        """Keeps the first batch waiting, until the app says that it has made all its spans."""

        def append(self, request: Received) -> None:
            if request.path == "/made":
                made.set()
            elif request.path == "/begun":
                begun.wait(20)
            elif not self.spans:
                self.spans = True
                begun.set()
                made.wait(20)
            super().append(request)

        spans = False

    begun, made = threading.Event(), threading.Event()
    otlp.received = Slow()
    ended = run_app(
        f"""
        import logging, urllib.request, groundtrace
        logging.basicConfig(level="INFO", format="%(name)s %(message)s")
        groundtrace.instrument({otlp.url!r})
        for number in range(100):
            with groundtrace.chain(f"first {{number}}"): pass
        urllib.request.urlopen({otlp.url!r} + "/begun")  # these are on their way, all in one batch
        for number in range(300):
            with groundtrace.chain(f"later {{number}}"): pass
        urllib.request.urlopen({otlp.url!r} + "/made")
        print(groundtrace.flush())
        with groundtrace.chain("last"): pass
        print(groundtrace.flush())
        """,
        OTEL_BSP_MAX_QUEUE_SIZE="200",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100",
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )

    assert ended.stdout == "True\nTrue\n", ended.stderr
    logged = [line for line in ended.stderr.splitlines() if line.startswith("groundtrace.exporting")]
    assert len(logged) == 2
    assert "the queue is full and dropped 100 so far. Set GROUNDTRACE_SPOOL to a folder" in logged[0]
    assert logged[1].endswith("keeps up again; the full queue dropped 100 spans")
    names = {span.name for span in otlp.spans()}
    assert len(names) == 100 + 300 + 1 - 100
    assert "later 0" not in names  # the oldest that waited
    assert names >= {"first 0", "later 299", "last"}


def test_an_outage_counts_what_its_full_queue_dropped_too(otlp: StubCollector, run_app: RunApp) -> None:
    recovering(otlp, 400)
    ended = run_app(
        f"""
        import logging, urllib.request, groundtrace
        logging.basicConfig(level="INFO", format="%(name)s %(message)s")
        groundtrace.instrument({otlp.url!r})
        for _ in range(150):
            with groundtrace.chain(): pass
        groundtrace.flush()
        urllib.request.urlopen(urllib.request.Request({otlp.url!r} + "/recover"))
        with groundtrace.chain(): pass
        print(groundtrace.flush())
        """,
        OTEL_BSP_MAX_QUEUE_SIZE="100",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100",
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )

    assert ended.stdout == "True\n", ended.stderr
    logged = [line for line in ended.stderr.splitlines() if line.startswith("groundtrace.exporting")]
    assert ["no spans reach" in logged[0], *logged[1:]] == [True, logged[-1]]
    assert logged[-1].endswith("answers again; 150 spans were lost")


def test_a_forked_child_is_not_held_up_by_what_its_parent_waits_for(hanging: str, run_app: RunApp) -> None:
    ended = run_app(
        f"""
        import os, sys, time, groundtrace
        groundtrace.instrument({hanging!r})
        for _ in range(600):
            with groundtrace.chain(): pass
        time.sleep(0.3)  # the exporting thread waits for an answer, and holds what it holds
        child = os.fork()
        if child == 0:
            began = time.perf_counter()
            with groundtrace.chain(): pass
            os._exit(time.perf_counter() - began > 0.5)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )

    assert ended.stdout == "0\n"
