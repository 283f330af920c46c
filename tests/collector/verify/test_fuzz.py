"""Damaged bodies through a real server, with whole ones in the same commits: nothing of one harms another."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.collector.conftest import ServeProcess
from tests.collector.verify.mutants import DOCUMENTS, JSON, PROTOBUF, SPANS, Mutant, mutant, rag_trace
from tests.collector.verify.offline import read_offline
from tests.collector.verify.report import report
from tests.collector.verify.rows import COLUMNS, differences, placed_spans

AT_ONCE = 40
GOOD_ONE_IN = 10
WHOLE, DAMAGED = "600d", "bad0"  # how the trace ids begin

_VIEW = (
    "SELECT as_select FROM system.tables WHERE database = 'groundtrace' AND name = 'retrieved_documents_mv'"
)
_TABLES = f"""
SELECT
    (SELECT count() FROM otel_traces) AS spans,
    (SELECT count() FROM retrieved_documents) AS documents,
    (SELECT count() FROM traces FINAL) AS traces,
    (SELECT countIf(kinds = 2)
        FROM (SELECT uniq(startsWith(TraceId, '{WHOLE}')) AS kinds FROM otel_traces GROUP BY Seq)) AS mixed_commits
"""  # noqa: S608
# Traces whose settled row counts other spans than there are, or that have no row, or a row and no spans.
_UNSETTLED = """
SELECT Project, TraceId, spans, SpanCount
FROM (SELECT Project, TraceId, uniqExact(SpanId) AS spans FROM otel_traces GROUP BY Project, TraceId) AS s
FULL OUTER JOIN (SELECT Project, TraceId, SpanCount FROM traces FINAL) AS t USING (Project, TraceId)
WHERE spans != SpanCount
"""
# Spans with other documents than the view makes of them.
_UNDOCUMENTED = """
SELECT TraceId, SpanId, stored, made
FROM (SELECT TraceId, SpanId, count() AS stored FROM retrieved_documents GROUP BY TraceId, SpanId) AS d
FULL OUTER JOIN (SELECT TraceId, SpanId, count() AS made FROM ({view}) GROUP BY TraceId, SpanId) AS v
    USING (TraceId, SpanId)
WHERE stored != made
"""
_WHOLE_TRACES = f"""
SELECT
    (SELECT countIf(SpanCount = {SPANS} AND Query = 'why?' AND Answer = 'so' AND length(ContextIds) = {DOCUMENTS})
        FROM traces FINAL WHERE startsWith(TraceId, '{WHOLE}')) AS whole,
    (SELECT count() FROM retrieved_documents WHERE startsWith(TraceId, '{WHOLE}')) AS documents
"""  # noqa: S608


@dataclass(slots=True)
class Tally:
    """What was sent and what was answered."""

    answers: Counter[int] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    spans: int = 0
    whole: dict[str, bytes] = field(default_factory=dict)

    def take(self, sent: Mutant, response: httpx.Response) -> None:
        """Count an answer, and the spans that it says are kept."""
        self.answers[response.status_code] += 1
        if response.status_code == 200:
            try:
                self.spans += sent.spans() - _rejected(response)
            except ValueError as error:
                self.odd.append(f"accepted, but {error}: {sent.body.hex()}")
        elif response.status_code != 400:
            self.odd.append(f"{response.status_code} {response.content!r}: {sent.body.hex()}")


def _rejected(response: httpx.Response) -> int:
    if response.headers["content-type"] == JSON["content-type"]:
        return int(response.json().get("partialSuccess", {}).get("rejectedSpans", 0))
    return ExportTraceServiceResponse.FromString(response.content).partial_success.rejected_spans


async def fuzz(url: str, rng: random.Random, bodies: int) -> Tally:
    """Send ``bodies`` damaged bodies, and whole ones among them."""
    tally = Tally()
    numbers = iter(range(bodies))

    def trace_id(begin: str) -> str:
        return begin + rng.randbytes(14).hex()

    async def sender(client: httpx.AsyncClient) -> None:
        for number in numbers:
            sent = mutant(rng, trace_id(DAMAGED), rag_trace(trace_id(DAMAGED)))
            tally.take(sent, await client.post("/v1/traces", content=sent.body, headers=sent.headers))
            if number % GOOD_ONE_IN == 0:
                whole = trace_id(WHOLE)
                tally.whole[whole] = rag_trace(whole)
                good = await client.post("/v1/traces", content=tally.whole[whole], headers=PROTOBUF)
                assert (good.status_code, good.content) == (200, b""), good.content

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        await asyncio.gather(*(sender(client) for _ in range(AT_ONCE)))
        ready = await client.get("/readyz")
        assert ready.status_code == 200
    return tally


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param(400, id="400", marks=pytest.mark.verify),
        pytest.param(20_000, id="20000", marks=[pytest.mark.verify, pytest.mark.timeout(1_800)]),
    ],
)
def test_damaged_bodies_harm_neither_the_server_nor_their_neighbours(
    serve: ServeProcess, bodies: int
) -> None:
    seed = os.environ.get("FUZZ_SEED", "3")
    began = time.monotonic()
    tally = asyncio.run(fuzz(serve.url, random.Random(f"{seed} {bodies}"), bodies))  # noqa: S311
    took_s = time.monotonic() - began
    assert serve.signal(signal.SIGTERM) == 0, serve.log()

    (view,) = read_offline(serve.store, {"view": _VIEW})["view"]
    found = read_offline(
        serve.store,
        {
            "tables": _TABLES,
            "unsettled": _UNSETTLED,
            "undocumented": _UNDOCUMENTED.format(view=view["as_select"]),
            "whole": _WHOLE_TRACES,
            "rows": f"SELECT {COLUMNS} FROM otel_traces WHERE startsWith(TraceId, '{WHOLE}')",  # noqa: S608
        },
    )
    (tables,) = found["tables"]
    report(
        f"fuzz, seed {seed}: {bodies:,} damaged bodies answered {dict(tally.answers)}, "
        f"{len(tally.whole):,} whole ones, in {took_s:.0f} s; {tables}"
    )
    assert tally.odd == []
    assert tables["spans"] == tally.spans + SPANS * len(tally.whole)
    assert found["unsettled"] == []
    assert found["undocumented"] == []
    assert found["whole"] == [{"whole": len(tally.whole), "documents": 2 * DOCUMENTS * len(tally.whole)}]
    assert _differences(found["rows"], tally.whole) == []
    assert tables["mixed_commits"] > bodies / 1_000
    assert min(tally.answers[200], tally.answers[400]) > bodies / 10


def _differences(rows: list[dict[str, object]], whole: dict[str, bytes]) -> list[str]:
    stored = {(row["TraceId"], row["SpanId"]): row for row in rows}
    return [
        said
        for body in whole.values()
        for placed in placed_spans(ExportTraceServiceRequest.FromString(body))
        for said in differences(stored[placed[0].trace_id.hex(), placed[0].span_id.hex()], placed)
    ]
