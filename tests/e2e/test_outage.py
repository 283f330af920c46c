"""The collector is killed and started again while an app goes on: with a spool each span is stored once."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.collector.verify.report import report
from tests.e2e.collector_process import CollectorProcess

APP = Path(__file__).with_name("outage_app.py")


@pytest.mark.parametrize(
    ("requests", "made_of"),
    [
        pytest.param(300, "steps", id="300", marks=pytest.mark.verify),
        pytest.param(10_000, "langchain", id="10000", marks=[pytest.mark.verify, pytest.mark.timeout(900)]),
    ],
)
def test_a_killed_collector_loses_no_span_of_an_app_with_a_spool(
    tmp_path: Path, requests: int, made_of: str
) -> None:
    collector = CollectorProcess(store=f"chdb:///{tmp_path}/store", home=tmp_path, arguments=["--no-worker"])
    collector.start()
    environ = {**os.environ, "GROUNDTRACE_SPOOL": str(tmp_path / "spool"), "OTEL_BSP_SCHEDULE_DELAY": "500"}
    with subprocess.Popen(
        [sys.executable, str(APP), collector.url, str(requests), made_of],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
    ) as app:  # fmt: skip
        assert app.stdin is not None
        assert app.stdout is not None
        starting = threading.Thread(target=collector.start)
        for tenth in range(1, 11):
            assert app.stdout.readline() == f"{tenth * requests // 10}\n"
            if tenth == 3:
                collector.signal(signal.SIGKILL)
            if tenth == 7:
                _wait_for_files(tmp_path / "spool")
                starting.start()
            if tenth == 10:
                starting.join()
            app.stdin.write("\n")
            app.stdin.flush()
        delivered, traces, slowest_s = app.stdout.readline().split()

    try:
        assert delivered == "True"
        assert int(traces) == requests
        assert _stored(collector) == (requests, *(_spans(requests, made_of),) * 2)
        assert not list((tmp_path / "spool").rglob("*.otlp*"))
    finally:
        collector.stop()
    report(
        f"outage: {requests} requests, {_spans(requests, made_of)} spans, slowest {float(slowest_s):.3f} s"
    )


def _wait_for_files(spool: Path) -> None:
    deadline = time.monotonic() + 10
    while not list(spool.rglob("*.otlp.gz")):
        assert time.monotonic() < deadline, "nothing was kept"
        time.sleep(0.02)


def _spans(requests: int, made_of: str) -> int:
    # What LangChain's chain is made of is its business; that nothing is missing shows in its being whole.
    return requests * {"steps": 5, "langchain": 9}[made_of]


def _stored(collector: CollectorProcess) -> tuple[int, int, int]:
    """Distinct traces, spans, distinct spans."""
    answer = httpx.post(
        f"{collector.url}/api/v1/sql",
        json={"sql": "SELECT uniqExact(TraceId), count(), uniqExact(TraceId, SpanId) FROM otel_traces"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["rows"]
    values = list(row.values()) if isinstance(row, dict) else list(row)
    return int(values[0]), int(values[1]), int(values[2])
