"""What reads cost: server CPU a read, over HTTP, of a `groundtrace serve` whose store is full.

    .venv/bin/python benchmarks/query.py                      a hundred thousand spans, then a million
    .venv/bin/python benchmarks/query.py --traces 200000 --store /tmp/filled --only compare

Fills a store with `--traces` traces of the last 24 hours, five spans of 1.6 kB and two scores each, and a tenth
as many of each of the two days before, by SQL; they are settled as the collector settles. Then a real server
takes 2,000 more traces over OTLP, roots last and in small commits, and 4,000 scores: so there are unmerged
parts, and rows that newer ones replace. When the server is idle, each kind of
read that the API and the pages make is timed `--reads` times. Prints one JSON object a size: CPU milliseconds
of the server a read (all its threads), and the wall time beside it.
"""

import argparse
import asyncio
import hashlib
import http.client
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlencode, urlsplit

from ingest import Workload, cpu_s, post
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.store.settler import settle
from groundtrace_collector.store.sql import split_statements
from groundtrace_collector.store.store import Store

BATCHES, DAYS_BEFORE = 20, 2
LIVE_REQUESTS = 20
IDLE_S, IDLE_CPU = 5, 0.05
DAY_NS = 86_400 * 10**9
FILLED = "filled.json"
METRICS = "traces,error_rate,p50_ms,p99_ms,tokens_per_trace"
SCORED = "traces,p99_ms,fail_rate:groundedness,score:context_relevance"


def main() -> None:
    """Measure each size asked for and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=int, nargs="*", default=[20_000, 200_000])
    parser.add_argument("--reads", type=int, default=50)
    parser.add_argument("--only", default="", help="only the reads whose name contains this")
    parser.add_argument("--store", type=Path, help="folder to fill, or to read again if it is already filled")
    given = parser.parse_args()
    for traces in given.traces:
        folder = given.store or Path(tempfile.mkdtemp(prefix="groundtrace-query-"))
        try:
            print(json.dumps(measure(folder, traces, given.reads, given.only), indent=2), flush=True)
        finally:
            if given.store is None:
                shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, traces: int, reads: int, only: str) -> dict[str, object]:
    """Fill the store unless it is full, serve it, time the reads."""
    record = folder / FILLED
    fresh = not record.exists()
    if fresh:
        started = asyncio.run(fill(folder, traces))
        record.write_text(json.dumps(started))
    since_ns: int = json.loads(record.read_text())
    with served(folder) as server:
        if fresh:
            server.take_live_traces()
        server.wait_until_idle()
        result: dict[str, object] = {"stored": server.get("/api/v1/traces/count")[1]}
        for name, asked in paths(since_ns, traces, reads).items():
            if only in name:
                result[name] = server.cost(asked)
                print(f"{name}: {result[name]}", file=sys.stderr, flush=True)
    return {**result, "parts": asyncio.run(parts(folder))}


def paths(since_ns: int, traces: int, reads: int) -> dict[str, list[str]]:
    """Each kind of read by name: the paths that are asked, another trace each time where one trace is asked for."""
    # As query_fill.sql makes its ids: from all over the day.
    numbers = (traces * each // reads for each in range(reads))
    ids = [hashlib.md5(str(each).encode(), usedforsecurity=False).hexdigest() for each in numbers]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since_ns // 10**9))
    day, family = {"since": since}, {"by": "metadata.doc_family", "since": since}
    sides = {"by": "encoder", "base": "hash@1", "candidate": "lsa@2", "cohort": "metadata.doc_family", **day}
    where = {"where": "score.groundedness < 0.5 and metadata.doc_family = 'family-3'", **day}
    asked: dict[str, tuple[str, dict[str, str]]] = {
        "newest 50 traces": ("/api/v1/traces", {}),
        "count of a day": ("/api/v1/traces/count", day),
        "50 traces by score and metadata": ("/api/v1/traces", where),
        "50 slowest traces of a day": ("/api/v1/traces", {"order": "-duration_ms", **day}),
        "50 traces by document": ("/api/v1/traces", {"where": "document = 'doc-17'", **day}),
        "50 traces by attribute": ("/api/v1/traces", {"where": "attributes['user.id'] = 'user-77'", **day}),
        "cohort table": ("/api/v1/cohorts", {"metrics": METRICS, **family}),
        "cohort table with scores": ("/api/v1/cohorts", {"metrics": SCORED, **family}),
        "compare": ("/api/v1/compare", {"metrics": METRICS, **sides}),
        "compare with scores": ("/api/v1/compare", {"metrics": SCORED, **sides}),
        "newest scores": ("/api/v1/scores", {"limit": "50"}),
        "page of traces": ("/", {}),
        "page of cohorts": ("/cohorts", family),
        "page of a comparison": ("/compare", sides),
        "page of evaluations": ("/evaluations", {}),
        "page of encoders": ("/encoders", {}),
        "page of settings": ("/settings", {}),
    }
    return {
        "one trace": [f"/api/v1/traces/{each}" for each in ids],
        "page of one trace": [f"/traces/{each}" for each in ids],
        **{name: [f"{path}?{urlencode(values)}"] * reads for name, (path, values) in asked.items()},
    }


# --- filling ----------------------------------------------------------------------------------------------


async def fill(folder: Path, traces: int) -> int:
    """Fill the store of ``folder``; returns when its last day begins, in nanoseconds."""
    script = split_statements(Path(__file__).with_name("query_fill.sql").read_text(encoding="utf-8"))
    today_ns = time.time_ns() - DAY_NS
    store = await Store.open(f"chdb://{folder}", data_dir=folder, memory_bytes=2 << 30, retention_days=30)
    try:
        for number, batch in enumerate(_batches(traces, today_ns)):
            # Commits as old as their spans: a start settles only the last minute's again.
            seq = (batch["start_ns"] + batch["first"] * batch["every_ns"]) // 1_000
            for text in script:
                await store.command(text, {**batch, "seq": seq})
            await store.settling.run(lambda driver, seq=seq: settle(driver, [seq], version=seq))
            print(f"filled {number + 1} of {BATCHES + DAYS_BEFORE}", file=sys.stderr, flush=True)
    finally:
        await store.close()
    return today_ns


def _batches(traces: int, today_ns: int) -> Iterator[dict[str, int]]:
    """The parameters of the script for each batch, the oldest first."""
    for day in range(DAYS_BEFORE):
        count = traces // 10
        first = traces + day * count
        every_ns = DAY_NS // count
        start_ns = today_ns - (DAYS_BEFORE - day) * DAY_NS - first * every_ns
        yield {"first": first, "count": count, "start_ns": start_ns, "every_ns": every_ns}
    for batch in range(BATCHES):
        first, end = traces * batch // BATCHES, traces * (batch + 1) // BATCHES
        yield {"first": first, "count": end - first, "start_ns": today_ns, "every_ns": DAY_NS // traces}


async def parts(folder: Path) -> dict[str, int]:
    """The active parts of each table of a stopped store."""
    store = await Store.open(f"chdb://{folder}", data_dir=folder, memory_bytes=2 << 30, retention_days=30)
    try:
        rows = await store.query(
            "SELECT table, count() AS parts FROM system.parts WHERE active AND database = 'groundtrace' "
            "AND table IN ('otel_traces', 'traces', 'scores', 'retrieved_documents', 'ledger') GROUP BY table"
        )
    finally:
        await store.close()
    return {row["table"]: int(row["parts"]) for row in rows}


# --- serving ----------------------------------------------------------------------------------------------


@dataclass
class served:  # noqa: N801  (reads as a statement)
    """A `groundtrace serve` on the store of a folder, without its worker."""

    folder: Path

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "groundtrace_collector.cli", "serve", "--port", "0", "--no-grpc"]
        self._process = subprocess.Popen(
            [*command, "--no-worker", "--store", f"chdb://{self.folder}"],
            stdout=subprocess.PIPE,
            stderr=(self.folder / "serve.log").open("wb"),
        )
        if self._process.stdout is None:
            raise RuntimeError("the server has no output")
        url = self._process.stdout.readline().decode().strip()
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=300)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=120)

    def get(self, path: str) -> tuple[int, object]:
        """The status and the JSON of an answer, or its length where it is a page."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(body) if is_json else len(body)

    def cost(self, paths: list[str]) -> dict[str, float]:
        """CPU and wall milliseconds a read, after one that is not timed; raises RuntimeError on any answer but 200."""
        self._ask(paths[0])
        cpu, wall = cpu_s(self._process.pid), time.perf_counter()
        for path in paths:
            self._ask(path)
        return {
            "cpu_ms": round((cpu_s(self._process.pid) - cpu) / len(paths) * 1e3, 1),
            "wall_ms": round((time.perf_counter() - wall) / len(paths) * 1e3, 1),
        }

    def _ask(self, path: str) -> None:
        status, said = self.get(path)
        if status != http.HTTPStatus.OK:
            raise RuntimeError(f"{path}: HTTP {status} {said}")

    def wait_until_idle(self) -> None:
        """Return when the merges that a start or a load sets off have ended; what is unmerged then stays so."""
        quiet = 0
        while quiet < IDLE_S:
            cpu = cpu_s(self._process.pid)
            time.sleep(1)
            quiet = quiet + 1 if cpu_s(self._process.pid) - cpu <= IDLE_CPU else 0

    def take_live_traces(self) -> None:
        """Send traces as apps do, a root after its children, and scores: a commit and a settling each second."""
        roots = b""
        for body in Workload(time.time_ns() - 60 * 10**9).requests(LIVE_REQUESTS * 500):
            children, next_roots, trace_ids = _split(body)
            self._send(children)
            self._send(roots)
            self._send_scores(trace_ids)
            roots = next_roots
            time.sleep(1.1)  # until they are settled
        self._send(roots)
        time.sleep(12)  # until they are settled, and what is no longer active is gone

    def _send(self, body: bytes) -> None:
        status = post(self._connection, body, {"Content-Type": "application/x-protobuf"})
        if status != http.HTTPStatus.OK:
            raise RuntimeError(f"the server refused spans: HTTP {status}")

    def _send_scores(self, trace_ids: list[str]) -> None:
        names = ("groundedness", "context_relevance")
        scores = [
            {"trace_id": each, "name": name, "score": 0.5, "source": "evaluator", "version": "1"}
            for each in trace_ids
            for name in names
        ]
        body = json.dumps({"scores": scores})
        self._connection.request("POST", "/api/v1/scores", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"the server refused scores: HTTP {answer.status}")


def _split(body: bytes) -> tuple[bytes, bytes, list[str]]:
    """A request's spans that have a parent, those that have none, and the ids of its traces."""
    halves = [ExportTraceServiceRequest.FromString(body) for _ in range(2)]
    for half, wanted in zip(halves, (True, False), strict=True):
        scope = half.resource_spans[0].scope_spans[0]
        kept = [span for span in scope.spans if bool(span.parent_span_id) is wanted]
        del scope.spans[:]
        scope.spans.extend(kept)
    roots = halves[1].resource_spans[0].scope_spans[0].spans
    return halves[0].SerializeToString(), halves[1].SerializeToString(), [s.trace_id.hex() for s in roots]


if __name__ == "__main__":
    main()
