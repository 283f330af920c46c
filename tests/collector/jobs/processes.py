"""Real workers beside a real server, and the traces that keep them busy."""

import contextlib
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from tests.collector.otlp import otlp_request

COMMAND = [sys.executable, "-m", "groundtrace_collector.cli"]
_WORDS = [
    "refund",
    "period",
    "purchase",
    "receipt",
    "days",
    "billing",
    "customer",
    "delivery",
    "return",
    "invoice",
    "card",
    "bank",
    "order",
]
_NUMBERS = random.Random(7)  # noqa: S311  (texts, not secrets)


@contextlib.contextmanager
def worker(
    url: str, log: Path, environ: Mapping[str, str] = MappingProxyType({})
) -> Iterator[subprocess.Popen[bytes]]:
    """A `groundtrace worker` that is killed when the block is left."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*COMMAND, "worker", "--url", url], stdout=out, stderr=out, env={**os.environ, **environ}
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)


def groundtrace(
    *arguments: str, url: str, environ: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run the command line against a collector."""
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "GROUNDTRACE_URL": url, **environ},
    )


def send_traces(url: str, numbers: Sequence[int], *, words: int = 120, passages: int = 5) -> None:
    """Send one whole RAG trace a number over OTLP, a hundred a request."""
    for start in range(0, len(numbers), 100):
        spans = [
            span for number in numbers[start : start + 100] for span in spans_of(number, words, passages)
        ]
        answer = httpx.post(
            f"{url}/v1/traces",
            content=gzip.compress(otlp_request(spans), 1),
            headers={"content-type": "application/x-protobuf", "content-encoding": "gzip"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text


def spans_of(number: int, words: int, passages: int) -> list[dict[str, Any]]:
    """A whole RAG trace in two spans."""
    trace_id, root_id = f"{number + 1:032x}", f"{number + 1:08x}{0:08x}"
    documents = {
        f"retrieval.documents.{place}.document.{field}": value
        for place in range(passages)
        for field, value in (("id", f"d{place}"), ("content", _text(words)))
    }
    root = {"input.value": f"How long is the {_text(3)}?", "output.value": _text(words)}
    return [
        {"trace_id": trace_id, "span_id": root_id, "kind": "CHAIN", "attributes": root},
        {"trace_id": trace_id, "parent_span_id": root_id, "kind": "RETRIEVER", "attributes": documents},
    ]


def _text(words: int) -> str:
    sentence = (_NUMBERS.choice(_WORDS) + (". The" if place % 12 == 11 else "") for place in range(words))
    return f"The {' '.join(sentence)}."


def counts(url: str) -> dict[str, Any]:
    """The one job's counts."""
    (job,) = httpx.get(f"{url}/api/v1/jobs", timeout=60).json()["jobs"]
    counted: dict[str, Any] = job["counts"]
    return counted


def wait_until(reached: Callable[[], bool], *, within_s: float, every_s: float = 0.1) -> None:
    """Return once ``reached``; fails after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(every_s)


def kill(process: subprocess.Popen[bytes]) -> None:
    """What an out-of-memory killer does."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


_COUNT_ROWS = """
import json, sys
from pathlib import Path
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.engine import ENGINE_FOLDER
from groundtrace_collector.store.store import DEFAULT_DATABASE
url = f"chdb://{Path(sys.argv[1]) / ENGINE_FOLDER}"
driver = Driver.open(url, database=DEFAULT_DATABASE, settings={}, engine_config=None)
one = lambda sql: driver.query(sql)[0]["n"]
print(json.dumps({
    "scores": one("SELECT count() AS n FROM scores FINAL WHERE Status = 'ok'"),
    "score_keys": one("SELECT uniqExact(TraceId, Name) AS n FROM scores"),
    "ledger": one("SELECT count() AS n FROM ledger FINAL"),
    "ledger_keys": one("SELECT uniqExact(TraceId, Evaluator, EvaluatorVersion, InputHash) AS n FROM ledger"),
    "ledger_written": one("SELECT count() AS n FROM ledger"),
}))
driver.close()
"""


def stored_rows(store: Path) -> dict[str, int]:
    """What the tables of a stopped collector hold, read in a process of its own."""
    read = subprocess.run(
        [sys.executable, "-c", _COUNT_ROWS, str(store)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    rows: dict[str, int] = json.loads(read.stdout.splitlines()[-1])
    return rows
