"""What a trace cost: each call once, by what its span says or else by the table of prices."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from groundtrace_collector.collector import Collector
from groundtrace_collector.prices.book import PriceBook
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id

pytestmark = pytest.mark.usefixtures("prices")

ROOT = "aa" * 8
PRICES = """model,input,output,cache_read,cache_write,over,since
small,2,10,0.2,2.5,,
small,4,20,0.4,5,1000,
free,0,0,,,,
dear,1000,1000,,,,2030-01-01
embed,0.5,,,,,
"""


@pytest.fixture
def prices(tmp_path: Path, collector: Collector) -> Path:
    """The price file that the collector uses."""
    file = tmp_path / "prices.csv"
    file.write_text(PRICES)
    collector.prices = collector.settler._prices = PriceBook(file)
    return file


def call(span_id: str, parent: str = ROOT, *, kind: str = "LLM", **attributes: Any) -> dict[str, Any]:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return {"span_id": span_id * 8, "parent_span_id": parent, "kind": kind, "attributes": named}


def llm(
    span_id: str, model: str, prompt: int, completion: int, parent: str = ROOT, **more: Any
) -> dict[str, Any]:
    return call(
        span_id, parent, llm__model_name=model, llm__token_count__prompt=prompt,
        llm__token_count__completion=completion, **more,
    )  # fmt: skip


def embedding(span_id: str, model: str, prompt: int, parent: str = ROOT) -> dict[str, Any]:
    return call(
        span_id, parent, kind="EMBEDDING", embedding__model_name=model, llm__token_count__prompt=prompt
    )


Costs = tuple[Any, list[Any]]


async def costs(send: Send, client: httpx.AsyncClient, *traces: list[dict[str, Any]]) -> list[Costs]:
    """What each trace of these spans and a root cost, and what each of the spans did."""
    trace_ids = [new_trace_id() for _ in traces]
    start_ns = time.time_ns()
    root = {"span_id": ROOT, "kind": "CHAIN"}
    await send(
        [
            {"trace_id": trace_id, "start_ns": start_ns + n, **span}
            for trace_id, spans in zip(trace_ids, traces, strict=True)
            for n, span in enumerate([root, *spans])
        ]
    )
    told = [(await client.get(f"/api/v1/traces/{trace_id}")).json() for trace_id in trace_ids]
    return [(trace["cost_usd"], [span["cost_usd"] for span in trace["spans"][1:]]) for trace in told]


# What: the spans under the root, what the trace cost, and what each span did.
CASES: dict[str, tuple[list[dict[str, Any]], float | None, list[float | None]]] = {
    "by-the-table": ([llm("01", "small", 1_000, 100)], 0.003, [0.003]),
    "a-long-prompt": ([llm("01", "small", 1_001, 0)], 0.004004, [0.004004]),
    "cached-and-reasoning-once": (
        [llm("01", "small", 1_000, 100, llm__token_count__prompt_details__cache_read=400,
             llm__token_count__prompt_details__cache_write=200, llm__token_count__completion_details__reasoning=90)],
        0.00238, [0.00238],
    ),
    "its-own-word": ([llm("01", "small", 1_000, 100, llm__cost__total=0.5)], 0.5, [0.5]),
    "traceai": ([llm("01", "small", 1_000, 100, gen_ai__cost__total="0.25")], 0.25, [0.25]),
    "two-halves": (
        [llm("01", "small", 1, 1, llm__cost__prompt=0.5, llm__cost__completion=0.25)], 0.75, [0.75]
    ),
    "free": ([llm("01", "free", 1_000, 100)], 0.0, [0.0]),
    "unknown": ([llm("01", "unheard-of", 1_000, 100)], None, [None]),
    "not-yet": ([llm("01", "dear", 1_000, 100)], None, [None]),
    "no-tokens": ([call("01", llm__model_name="small")], None, [None]),
    "one-unknown": ([llm("01", "small", 1_000, 100), llm("02", "unheard-of", 10, 1)], None, [0.003, None]),
    "one-that-never-answered": (
        [llm("01", "small", 1_000, 100), call("02", llm__model_name="small")], 0.003, [0.003, None]
    ),
    "embedding": ([embedding("01", "embed", 2_000), llm("02", "small", 1_000, 100)], 0.004, [0.001, 0.003]),
    "an-encoder-without-a-price": (
        [embedding("01", "local-encoder", 2_000), llm("02", "small", 1_000, 100)], 0.003, [None, 0.003],
    ),
    "framework-and-client": (
        [llm("01", "small", 1_000, 100), llm("02", "small", 1_000, 100, parent="01" * 8)], 0.003, [0.003, 0.003],
    ),
    "framework-and-client-of-an-encoder": (
        [embedding("01", "embed", 2_000), embedding("02", "embed", 2_000, parent="01" * 8)], 0.001, [0.001, 0.001],
    ),
    "a-chain-that-sums-up": (
        [call("01", kind="CHAIN", llm__cost__total=9.0), llm("02", "small", 1_000, 100, parent="01" * 8)],
        0.003, [9.0, 0.003],
    ),
}  # fmt: skip


async def test_a_trace_costs_what_its_calls_cost_each_once(send: Send, client: httpx.AsyncClient) -> None:
    found = await costs(send, client, *(spans for spans, _, _ in CASES.values()))

    for (name, (_, whole, parts)), told in zip(CASES.items(), found, strict=True):
        assert told == (pytest.approx(whole), [pytest.approx(part) for part in parts]), name


async def test_a_trace_and_its_spans_are_priced_alike(send: Send, client: httpx.AsyncClient) -> None:
    rng = random.Random(3)  # noqa: S311
    spans = []
    for n in range(1, 101):
        cached: dict[str, Any] = {
            f"llm__token_count__prompt_details__{name}": rng.randint(0, 1_500)
            for name in ("cache_read", "cache_write")
            if rng.random() < 0.5
        }
        model = rng.choice(["small", "free", "openai/small"])
        spans.append(llm(f"{n:02x}", model, rng.randint(0, 2_000), rng.randint(0, 500), **cached))
    ((whole, parts),) = await costs(send, client, spans)

    assert whole == pytest.approx(sum(parts), rel=1e-12)


async def test_a_price_counts_from_the_next_settling_and_leaves_settled_traces_as_they_are(
    send: Send, client: httpx.AsyncClient, prices: Path
) -> None:
    call = [llm("01", "small", 1_000, 0)]
    await costs(send, client, call)
    await asyncio.to_thread(prices.write_text, "model,input,output\nsmall,20,100\n")
    await costs(send, client, call)

    listed = (await client.get("/api/v1/traces", params={"order": "started_at"})).json()["traces"]
    assert [trace["cost_usd"] for trace in listed] == [0.002, 0.02]


async def test_the_metric_is_the_mean_of_what_is_known(send: Send, client: httpx.AsyncClient) -> None:
    calls = [llm("01", "small", 1_000, 0), llm("01", "small", 500, 0), llm("01", "unheard-of", 1_000, 0)]
    await costs(send, client, *([one] for one in calls))

    answer = await client.get("/api/v1/cohorts", params={"by": "service", "metrics": "cost_per_trace"})
    (cohort,) = answer.json()["cohorts"]

    assert cohort["metrics"]["cost_per_trace"]["value"] == pytest.approx(0.0015)
    assert cohort["metrics"]["cost_per_trace"]["n"] == 2
