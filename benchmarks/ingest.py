"""Measure what taking spans costs: `groundtrace serve` on a new store, senders on the loopback interface.

    python benchmarks/ingest.py [--spans 200000] [--connections 48] [--encoding plain|gzip|zstd] [--json]

Prints spans per second of the server's CPU time (its worker counted) and of wall time, the share of a bare
`Null -> otel_traces` insert of the same bytes on one thread in the same run, both in CPU, the answers' p50
and p99, the server's peak memory, and bytes a span on disk, by table, a minute after the last request.

Compare runs of one machine only: seconds of CPU are worth what the neighbours leave of them.
"""

import argparse
import gzip
import http.client
import json
import os
import queue
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backports import zstd
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS_PER_TRACE, TRACES_PER_REQUEST = 5, 100
ENCODERS = {"plain": bytes, "gzip": lambda body: gzip.compress(body, 6), "zstd": zstd.compress}
REST_S = 5  # the longest that settling rests where commits queue for it
BARE = ("otel_traces", "otlp_in", "otlp_mv")


class Workload:
    """RAG traces of five spans, 1.6 kB a span, out of a corpus whose documents recur; the same each time."""

    def __init__(self, start_ns: int) -> None:
        self._rng = random.Random(7)  # noqa: S311
        self._start_ns = start_ns
        letters = "bcdfghklmnprstvwz"
        words = [
            "".join(self._rng.choice(letters) + self._rng.choice("aeiou") for _ in range(n % 3 + 1))
            for n in range(3_000)
        ]
        weights = [1 / (rank + 10) for rank in range(len(words))]
        self._text = " ".join(self._rng.choices(words, weights, k=200_000))
        self._corpus = [self._passage(400) for _ in range(3_000)]

    def _passage(self, characters: int) -> str:
        at = self._rng.randrange(len(self._text) - characters)
        return self._text[at : at + characters]

    def requests(self, spans: int) -> Iterator[bytes]:
        """Serialised requests of 500 spans each."""
        for first in range(0, spans // SPANS_PER_TRACE, TRACES_PER_REQUEST):
            request = ExportTraceServiceRequest()
            group = request.resource_spans.add()
            attribute = group.resource.attributes.add(key="service.name")
            attribute.value.string_value = "benchmark"
            scope = group.scope_spans.add()
            for index in range(first, first + TRACES_PER_REQUEST):
                self._add_trace(scope.spans, self._start_ns + index * 10**7)
            yield request.SerializeToString()

    def _add_trace(self, out: Any, start_ns: int) -> None:
        trace_id, root_id = self._rng.randbytes(16), self._rng.randbytes(8)
        question, answer = self._passage(110), self._passage(560)
        found = self._rng.sample(range(len(self._corpus)), 5)
        steps: list[tuple[str, str, dict[str, Any]]] = [
            ("answer", "CHAIN", {"input.value": question, "output.value": answer, "session.id": f"s{found[0]}",
                                 "metadata": json.dumps({"doc_family": f"family-{found[0] % 8}", "language": "en"})}),
            ("embed", "EMBEDDING", {"embedding.model_name": "encoder", "embedding.model_version": str(found[0] % 3),
                                    "embedding.embeddings.0.embedding.text": question}),
            ("search", "RETRIEVER", {"input.value": question,
                                     **self._documents("retrieval.documents", found, text=True)}),
            ("rerank", "RERANKER", {"reranker.query": question, "reranker.model_name": "reranker",
                                    **self._documents("reranker.output_documents", found[:3], text=False)}),
            ("generate", "LLM", {"llm.model_name": "model",
                                 "llm.token_count.prompt": 420, "llm.token_count.completion": 120,
                                 "llm.input_messages.0.message.content": "\n".join(self._corpus[n] for n in found[:3]),
                                 "llm.input_messages.1.message.content": question + self._passage(300),
                                 "llm.output_messages.0.message.content": answer}),
        ]  # fmt: skip
        for number, (name, kind, attributes) in enumerate(steps):
            span = out.add(trace_id=trace_id, name=name, kind=Span.SPAN_KIND_INTERNAL)
            span.span_id = self._rng.randbytes(8) if number else root_id
            span.parent_span_id = root_id if number else b""
            span.start_time_unix_nano = start_ns + number * 10**6
            span.end_time_unix_nano = start_ns + (number + 1 if number else 6) * 10**6
            for key, value in {"openinference.span.kind": kind, **attributes}.items():
                any_value = span.attributes.add(key=key).value
                if isinstance(value, str):
                    any_value.string_value = value
                elif isinstance(value, float):
                    any_value.double_value = value
                else:
                    any_value.int_value = value

    def _documents(self, prefix: str, numbers: list[int], *, text: bool) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        for place, number in enumerate(numbers):
            key = f"{prefix}.{place}.document"
            attributes |= {
                f"{key}.id": f"doc-{number}",
                f"{key}.score": round(0.9 - place * self._rng.random() / 9, 6),
            }
            if text:
                attributes[f"{key}.content"] = self._corpus[number]
        return attributes


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children so far."""
    total = 0.0
    for member in (pid, *children(pid)):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def wait_until_idle(pid: int, quiet_s: int = 2, within_s: float = 90) -> None:
    """Return once the process and its children take less than a twentieth of a core for ``quiet_s`` seconds."""
    quiet, until = 0, time.monotonic() + within_s
    while quiet < quiet_s and time.monotonic() < until:
        before = cpu_s(pid)
        time.sleep(1)
        quiet = quiet + 1 if cpu_s(pid) - before < 0.05 else 0


def peak_mb(pid: int) -> float:
    """The most memory that a process has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def send(url: str, bodies: list[bytes], connections: int, encoding: str) -> list[float]:
    """Post every body over that many connections; returns each answer's seconds. Raises on a refusal."""
    jobs: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    for body in [*bodies, *[None] * connections]:
        jobs.put(body)
    taken: list[float] = []
    failed: list[str] = []
    headers = {"Content-Type": "application/x-protobuf"}
    if encoding != "plain":
        headers["Content-Encoding"] = encoding

    def work() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=300)
        while (body := jobs.get()) is not None:
            began = time.perf_counter()
            while (status := post(connection, body, headers)) == http.HTTPStatus.SERVICE_UNAVAILABLE:
                time.sleep(1)
            if status != http.HTTPStatus.OK:
                failed.append(f"HTTP {status}")
            taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} requests were refused: {failed[0]}")
    return taken


def post(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> int:
    """The status that a body is answered with."""
    connection.request("POST", "/v1/traces", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def bare_insert(bodies: list[bytes], folder: Path) -> float:
    """CPU seconds of inserting the bodies into `otel_traces` alone, in commits of 16 MB, merges included."""
    from groundtrace_collector.gate.frame import frame
    from groundtrace_collector.store import store as settings
    from groundtrace_collector.store.driver import Driver
    from groundtrace_collector.store.engine import write_engine_config, write_schema
    from groundtrace_collector.store.migrate import PACKAGE
    from groundtrace_collector.store.sql import split_statements, statement

    config = write_engine_config(folder, memory_bytes=2 << 30)
    schema = write_schema(folder, (Path(settings.__file__).parent / "otlp.proto").read_text())
    used = {**settings._SETTINGS, **settings._INGEST_SETTINGS}  # noqa: SLF001  (the same as the collector's)
    used |= {"format_schema_source": "file", "format_schema": f"{schema}:Req"}
    driver = Driver.open(f"chdb://{folder / 'engine'}", database=None, settings=used, engine_config=config)
    for text in split_statements(statement(PACKAGE, "0001_first_tables")):
        if text.partition("NOT EXISTS ")[2].split()[0] in BARE:
            driver.command(text)
    began = time.process_time()
    for first in range(0, len(bodies), 20):
        pieces = [
            piece
            for body in bodies[first : first + 20]
            for piece in frame(body, project="", seq=1, digest=bytes(16))
        ]
        driver.insert_bytes(
            "otlp_in", pieces, fmt="Protobuf", settings={"insert_deduplication_token": str(first)}
        )
    spent = time.process_time() - began
    driver.close()
    return spent


def table_bytes(store: Path) -> dict[str, float]:
    """Bytes on disk by table, read from a stopped store."""
    program = (
        "import json, sys, clickhouse_connect as cc\n"
        "c = cc.get_client(dsn='chdb://' + sys.argv[1])\n"
        "rows = c.query(\"SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'groundtrace'"
        ' GROUP BY table").result_rows\n'
        "print(json.dumps(dict(rows)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(store / "engine")], capture_output=True, text=True, check=True
    )
    sizes: dict[str, float] = json.loads(done.stdout)
    return sizes


def measure(spans: int, connections: int, encoding: str, settle_s: float) -> dict[str, Any]:
    """One run on a new store, which is removed."""
    folder = Path(tempfile.mkdtemp(prefix="groundtrace-ingest-"))
    store = folder / "store"
    plain = list(Workload(time.time_ns() - 3_600 * 10**9).requests(spans))
    bodies = [ENCODERS[encoding](body) for body in plain]
    command = [sys.executable, "-m", "groundtrace_collector.cli", "serve", "--port", "0", "--no-grpc"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--store", f"chdb://{store}"], stdout=subprocess.PIPE, stderr=log
        )
    try:
        if server.stdout is None:
            raise RuntimeError("the server has no output")
        url = server.stdout.readline().decode().strip()
        wait_until_idle(server.pid)  # its worker has started
        before, began = cpu_s(server.pid), time.perf_counter()
        taken = sorted(send(url, bodies, connections, encoding))
        wall = time.perf_counter() - began
        wait_until_idle(server.pid, quiet_s=REST_S + 2)  # all is settled and merged
        cpu = cpu_s(server.pid) - before
        time.sleep(settle_s)
        disk = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        memory = peak_mb(server.pid)
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
        tables = table_bytes(store)
        bare = bare_insert(plain, folder)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "spans": spans,
        "encoding": encoding,
        "wire_bytes_per_span": sum(map(len, bodies)) / spans,
        "spans_per_cpu_s": spans / cpu,
        "spans_per_s": spans / wall,
        "bare_spans_per_cpu_s": spans / bare,
        "share_of_bare_insert": bare / cpu,
        "ack_p50_ms": statistics.median(taken) * 1e3,
        "ack_p99_ms": taken[int(len(taken) * 0.99)] * 1e3,
        "peak_mb": memory,
        "disk_bytes_per_span": disk / spans,
        "bytes_per_span_by_table": {name: round(size / spans, 1) for name, size in sorted(tables.items())},
    }


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=48)
    parser.add_argument("--encoding", choices=sorted(ENCODERS), default="plain")
    parser.add_argument("--settle", type=float, default=60, help="seconds before the disk is measured")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = measure(given.spans, given.connections, given.encoding, given.settle)
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:26} {value:,.2f}" if isinstance(value, float) else f"{name:26} {value}")


if __name__ == "__main__":
    main()
