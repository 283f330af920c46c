"""What reads cost: server CPU a read over a store of synthetic traces, unmerged parts included.

    .venv/bin/python benchmarks/query.py --traces 200000

Fills a store with `--traces` traces of five spans and two scores each, made by SQL, spread over a day, then
times each read `--reads` times through the query functions that the API calls, and prints one JSON object:
CPU milliseconds of this process a read (the engine is in it), and the wall time beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.query.traces import TraceQuery, count_traces, get_trace, list_traces
from groundtrace_collector.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BATCHES = 20
_METRICS = "traces,error_rate,p50_ms,p99_ms,tokens_per_trace"
_SCORED = "traces,p99_ms,fail_rate:groundedness,score:context_relevance"


def main() -> None:
    """Fill or open a store, time the reads, print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=int, default=200_000)
    parser.add_argument("--reads", type=int, default=20)
    parser.add_argument("--store", type=Path, help="folder to fill, or to read again if it is already filled")
    arguments = parser.parse_args()
    folder = arguments.store or Path(tempfile.mkdtemp(prefix="groundtrace-query-"))
    try:
        print(json.dumps(asyncio.run(_run(folder, arguments.traces, arguments.reads)), indent=2))
    finally:
        if arguments.store is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _run(folder: Path, traces: int, reads: int) -> dict[str, object]:
    store = await Store.open(f"chdb://{folder}", data_dir=folder, memory_bytes=2 << 30, retention_days=30)
    try:
        if (await count_traces(store, TraceQuery()))["traces"] == 0:
            await _fill(store, traces)
        results: dict[str, object] = {"stored": await count_traces(store, TraceQuery())}
        for name, read in _reads(store).items():
            results[name] = await _cost(read, reads)
            print(f"{name}: {results[name]}", file=sys.stderr)
        return results
    finally:
        await store.close()


async def _fill(store: Store, traces: int) -> None:
    script = Path(__file__).with_name("query_fill.sql").read_text(encoding="utf-8")
    for batch in range(BATCHES):
        bounds = {
            "first": traces * batch // BATCHES,
            "count": traces * (batch + 1) // BATCHES - traces * batch // BATCHES,
        }
        for part in script.split(";\n"):
            if part.strip():
                await store.command(part, bounds)
        print(f"filled {batch + 1} of {BATCHES}", file=sys.stderr)


def _reads(store: Store) -> dict[str, Callable[[], Awaitable[object]]]:
    one = hashlib.md5(b"77", usedforsecurity=False).hexdigest()  # as query_fill.sql makes its ids
    day = TraceFilter(since="7d")
    scored = TraceFilter(since="7d", where="score.groundedness < 0.5 and metadata.doc_family = 'family-3'")
    return {
        "newest 50 traces": lambda: list_traces(store, TraceQuery()),
        "one trace": lambda: get_trace(store, one),
        "count of a day": lambda: count_traces(store, TraceQuery(filter=day)),
        "50 traces by score and metadata": lambda: list_traces(store, TraceQuery(filter=scored)),
        "cohort table": lambda: cohort_table(
            store, CohortQuery(by="metadata.doc_family", metrics=_METRICS, filter=day)
        ),
        "cohort table with scores": lambda: cohort_table(
            store, CohortQuery(by="metadata.doc_family", metrics=_SCORED, filter=day)
        ),
        "compare with scores": lambda: compare(
            store,
            CompareQuery(
                by="encoder",
                base="hash@1",
                candidate="lsa@2",
                cohort="metadata.doc_family",
                metrics=_SCORED,
                filter=day,
            ),
        ),
    }


async def _cost(read: Callable[[], Awaitable[object]], reads: int) -> dict[str, float]:
    await read()
    cpu, wall = _cpu_s(), time.perf_counter()
    for _ in range(reads):
        await read()
    return {
        "cpu_ms": round((_cpu_s() - cpu) / reads * 1e3, 1),
        "wall_ms": round((time.perf_counter() - wall) / reads * 1e3, 1),
    }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
