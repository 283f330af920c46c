"""One encoder over a plan: its vectors, its rankings, how fast it is and how alike two runs of it are."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from groundtrace_collector.query.intervals import Z, order_ranks
from groundtrace_collector.replay.ranking import DEPTH, churn_measures, rank, search
from groundtrace_collector.replay.report import EncoderFacts, Figure, ReplayError
from groundtrace_collector.replay.sample import Sample, interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from groundtrace_collector.replay.encoders import Encoder
    from groundtrace_collector.replay.plan import Plan
    from groundtrace_collector.replay.ranking import Ranked, Vectors

MAX_SINGLE: Final = 200
"""Queries that are encoded a second time, one by one, for the latency and the noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one encoder did; ``probe`` are the vectors of the first queries."""

    facts: EncoderFacts
    ranked: Ranked
    probe: NDArray[np.float32]


def measure(encoder: Encoder, plan: Plan, k: Sequence[int]) -> Measured:
    """Encode all texts and queries in batches, search exactly, then encode some queries again one by one."""
    depth = max(DEPTH, *k)
    asked = [each.query for each in plan.questions]
    started = time.perf_counter()
    texts = encoder.documents(plan.texts)
    queries = encoder.queries(asked)
    elapsed_s = time.perf_counter() - started
    _check_told_apart(encoder.address, queries, texts)
    ranked = rank(plan, queries, texts, depth=depth)

    single, single_ms = _one_by_one(encoder, asked[:MAX_SINGLE])
    again = search(plan, single, texts, depth=depth)
    dimension = int(queries.shape[1])
    facts = EncoderFacts(
        name=encoder.name,
        address=encoder.address,
        fingerprint=encoder.fingerprint(dimension),
        dimension=dimension,
        query_ms=_median(single_ms),
        query_ms_p95=float(np.quantile(single_ms, 0.95)),
        texts_per_s=(len(plan.texts) + len(asked)) / elapsed_s,
        tokens=encoder.tokens([*plan.texts, *asked]),
        noise=mean_figures(churn_measures(ranked.found[: len(again)], again, k)),
    )
    return Measured(facts=facts, ranked=ranked, probe=queries[:MAX_SINGLE])


def _check_told_apart(address: str, queries: NDArray[np.float32], texts: Vectors) -> None:
    """Raise ReplayError for vectors that no similarity can be told from."""
    if queries.shape[1] != texts.rows.shape[1]:
        raise ReplayError(
            f"{address!r} gave queries {queries.shape[1]} numbers and documents {texts.rows.shape[1]}: "
            "both have to come from one model"
        )
    for what, vectors in (("query", queries), ("document", texts.rows)):
        if not vectors.any():
            raise ReplayError(f"{address!r} gave every {what} a vector of zeros: nothing is like anything")


def mean_figures(
    values: Mapping[str, NDArray[np.float64]], sample: Sample | None = None
) -> dict[str, Figure]:
    """The mean of each measure with its interval, each row by itself unless a sample says otherwise."""
    found = {}
    for name, each in values.items():
        drawn = sample or Sample(range(len(each)), seed=0)
        estimate = drawn.mean(each)
        if estimate is None:
            found[name] = Figure(value=None, low=None, high=None, n=0)
            continue
        bounds = interval(estimate, "rate")
        found[name] = Figure(value=estimate.value, low=bounds.low, high=bounds.high, n=estimate.n)
    return found


def _one_by_one(encoder: Encoder, queries: Sequence[str]) -> tuple[NDArray[np.float32], list[float]]:
    found, elapsed_ms = [], []
    for query in queries:
        started = time.perf_counter()
        found.append(encoder.queries([query]))
        elapsed_ms.append((time.perf_counter() - started) * 1_000)
    return np.concatenate(found), elapsed_ms


def _median(values: Sequence[float]) -> Figure:
    ordered = sorted(values)
    low, high = order_ranks(len(ordered), 0.5, Z)
    return Figure(
        value=float(np.median(ordered)),
        low=ordered[low - 1] if low else None,
        high=ordered[high - 1] if high else None,
        n=len(ordered),
    )
