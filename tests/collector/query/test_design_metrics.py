"""Each metric that the design names is answered, or refused with a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.metrics import is_insufficient
from tests.collector.rows import trace

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store

DESIGN = """
traces spans error_rate p50_ms p95_ms p99_ms p99_ms:LLM tokens_prompt tokens_per_trace cost_per_trace
score:groundedness fail_rate:groundedness coverage:groundedness thumbs_down_rate escalation_rate
manual_review_rate fallback_rate retry_rate cache_hit_rate cache_wrong_hit_rate recall@5 mrr ndcg@5 margin
margin_auroc churn@5 rbo reranker_score embeddings_per_s
"""


async def test_every_metric_of_the_design_is_answered_or_refused_with_a_sentence(store: Store) -> None:
    rows = [
        trace(f"{side} {n}", Encoder=side, QueryHash=n + 1, RetrievedIds=["a"], GoldIds=["a"], Margin=0.5,
              MarginAuroc=1.0, MarginSpace=side)
        for side in ("old", "new") for n in range(3)
    ]  # fmt: skip
    await store.insert("traces", rows)
    refused: dict[str, list[str]] = {}

    for name in DESIGN.split():
        for ask in (
            cohort_table(store, CohortQuery(by="encoder", metrics=name)),
            compare(store, CompareQuery(by="encoder", base="old", candidate="new", metrics=name)),
        ):
            try:
                answer = await ask
            except QueryError as error:
                refused.setdefault(name, []).append(error.message)
            else:
                assert list(answer["cohorts"][0]["metrics"]) == [name]

    assert set(refused) == {"churn@5", "rbo", "margin"}
    assert all(len(reasons) == 1 and len(reasons[0].split()) > 5 for reasons in refused.values())


@pytest.mark.parametrize(
    ("name", "n", "insufficient"),
    [("traces", 1, False), ("error_rate", 19, True), ("error_rate", 20, False), ("p99_ms:LLM", 0, True)],
)
def test_fewer_than_20_are_too_few_but_for_counts(name: str, n: int, *, insufficient: bool) -> None:
    assert is_insufficient(name, n) is insufficient
