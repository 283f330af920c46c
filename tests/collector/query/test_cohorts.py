"""Metrics by cohort, each against the value counted by hand, on a real store."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from scipy import stats

from groundtrace_collector.query.absences import of_cohorts
from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.query.intervals import Z, wilson
from groundtrace_collector.query.metrics import catalogue, known_metrics, metric, parse_metrics
from tests.collector.rows import score, trace, trace_id

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store

MS = 1_000_000


def _feedback(name: str, said: str, **columns: Any) -> dict[str, Any]:
    return {"Project": "app", "TraceId": trace_id(name), "Name": said, "Seq": 1, **columns}


TRACES = [
    trace(
        "a",
        Encoder="new",
        Status="error",
        SpanCount=3,
        DurationNs=100 * MS,
        TokensPrompt=100,
        TokensCompletion=10,
        CostUsd=0.5,
        SpanKinds=["LLM", "TOOL", "LLM"],
        SpanNs=[40 * MS, 9 * MS, 60 * MS],
        RetrievedIds=["x", "g1", "g1", "g2"],
        GoldIds=["g1", "g2"],
        Margin=0.25,
        MarginAuroc=0.5,
        MarginSpace="f1",
        RerankScores=[0.9, 0.5],
        Retries=2,
        CacheHit=True,
        EmbeddedTexts=10,
        EmbeddingNs=2_000 * MS,
    ),
    trace(
        "b",
        Encoder="new",
        SpanCount=5,
        DurationNs=300 * MS,
        TokensPrompt=300,
        SpanKinds=["LLM"],
        SpanNs=[20 * MS],
        RetrievedIds=["y"],
        GoldIds=["g1"],
        Margin=-0.75,
        MarginAuroc=0.0,
        MarginSpace="f1",
        Fallback=True,
        CacheHit=False,
        EmbeddedTexts=2,
        EmbeddingNs=1_000 * MS,
    ),
    trace("c", Encoder="new", SpanCount=1, DurationNs=200 * MS, RetrievedIds=["z"], EmbeddingNs=1),
    trace("d", Encoder="old", SpanCount=1, DurationNs=900 * MS),
]
SCORES = [
    score("a", Score=0.2),
    score("b", Score=0.6, Threshold=0.7),
    score("c", Score=0.4, Label="pass"),
    score("a", Name="hallucination_score", Score=0.9),
    score("b", Name="hallucination_score", Score=0.1),
    score("a", Name="polite", Label="fail"),
]
FEEDBACK = [
    _feedback("a", "thumbs", Value=-1),
    _feedback("b", "thumbs", Value=1),
    _feedback("a", "escalation", Value=1),
    _feedback("b", "escalation", Value=0),
    _feedback("c", "manual_review", Label="yes"),
]
# Value and n over the traces a, b and c, counted by hand.
BY_HAND: dict[str, tuple[float | None, int]] = {
    "traces": (3, 3),
    "spans": (9, 3),
    "error_rate": (1 / 3, 3),
    "p50_ms": (200, 3),
    "p95_ms": (300, 3),
    "p99_ms": (300, 3),
    "p50_ms:LLM": (40, 3),
    "p95_ms:llm": (60, 3),
    "p99_ms:TOOL": (9, 1),
    "tokens_prompt": (200, 2),
    "tokens_per_trace": (205, 2),
    "cost_per_trace": (0.5, 1),
    "score:groundedness": (0.4, 3),
    "fail_rate:groundedness": (2 / 3, 3),
    "fail_rate:hallucination_score": (1 / 2, 2),
    "fail_rate:polite": (1, 1),
    "coverage:groundedness": (1, 3),
    "coverage:polite": (1 / 3, 3),
    "score:polite": (None, 0),
    "thumbs_down_rate": (1 / 2, 2),
    "escalation_rate": (1 / 3, 3),
    "manual_review_rate": (1 / 3, 3),
    "fallback_rate": (1 / 3, 3),
    "retry_rate": (1 / 3, 3),
    "cache_hit_rate": (1 / 3, 3),
    "cache_wrong_hit_rate": (1, 1),
    "recall@1": (0, 2),
    "recall@2": (1 / 4, 2),
    "recall@9": (1 / 2, 2),
    "mrr": (1 / 4, 2),
    "ndcg@4": ((1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3)) / 2, 2),
    "margin": (-0.25, 2),
    "margin_auroc": (0.25, 2),
    "reranker_score": (0.7, 1),
    "embeddings_per_s": (4, 2),
}


COMPARE_ONLY = {"churn@K", "rbo"}


@pytest.fixture
async def filled(store: Store) -> Store:
    await store.insert("traces", TRACES)
    await store.insert("scores", SCORES)
    await store.insert("feedback", FEEDBACK)
    return store


async def test_every_metric_is_what_counting_by_hand_gives(filled: Store) -> None:
    names = list(BY_HAND)
    found: dict[str, Any] = {}
    for part in (names[:16], names[16:]):
        table = await cohort_table(filled, CohortQuery(by="encoder", metrics=part))
        assert [cohort["key"] for cohort in table["cohorts"]] == ["new", "old"]
        found |= table["cohorts"][0]["metrics"]

    assert {name: found[name]["n"] for name in names} == {name: n for name, (_, n) in BY_HAND.items()}
    assert {name: found[name]["value"] for name in names} == {
        name: value if value is None else pytest.approx(value) for name, (value, _) in BY_HAND.items()
    }


def test_every_metric_of_the_catalogue_is_counted_by_hand() -> None:
    counted = {entry.pattern for entry in catalogue() for name in BY_HAND if entry.make is _entry(name).make}

    assert counted | COMPARE_ONLY == set(known_metrics())


def _entry(name: str) -> Any:
    made = metric(name)
    (found,) = [
        each
        for each in catalogue()
        if name == each.pattern or (each.pattern.rstrip("KINDE") and _matches(each.pattern, name))
    ]
    assert made.name == name
    return found


def _matches(pattern: str, name: str) -> bool:
    mark = next((mark for mark in ":@" if mark in pattern), None)
    return mark is not None and name.startswith(pattern.split(mark, maxsplit=1)[0] + mark)


async def test_intervals_are_wilsons_students_and_order_statistics(store: Store) -> None:
    tokens = [100 + 3 * (n % 17) for n in range(60)]
    rows = [
        trace(
            str(n), Encoder="m", Status="error" if n < 6 else "ok", TokensPrompt=tokens[n], DurationNs=n * MS
        )
        for n in range(60)
    ]
    await store.insert("traces", rows)

    table = await cohort_table(
        store, CohortQuery(by="encoder", metrics="error_rate,tokens_prompt,p50_ms,p99_ms")
    )

    (cohort,) = table["cohorts"]
    student = stats.ttest_1samp(tokens, 0).confidence_interval()
    low, high = wilson(0.1, 60, Z)
    assert cohort["metrics"]["error_rate"] == pytest.approx({"value": 0.1, "low": low, "high": high, "n": 60})
    assert cohort["metrics"]["tokens_prompt"] == pytest.approx(
        {"value": sum(tokens) / 60, "low": student.low, "high": student.high, "n": 60}
    )
    # Ranks 22 and 39 of 60, from 0 ms on.
    assert cohort["metrics"]["p50_ms"] == {"value": 29.0, "low": 21.0, "high": 38.0, "n": 60}
    assert (cohort["metrics"]["p99_ms"]["value"], cohort["metrics"]["p99_ms"]["high"]) == (59.0, None)


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("metadata.doc_family", ["", "billing"]),
        ("project", ["app", "other"]),
        ("name", ["ask", "chat"]),
        ("status", ["ok", "error"]),
    ],
)
async def test_traces_are_divided_by_fields_and_metadata_the_largest_first(
    store: Store, by: str, keys: list[str]
) -> None:
    rows = [
        trace("a"),
        trace("b"),
        trace("c", Metadata={"doc_family": "billing"}, Project="other", Name="chat", Status="error"),
    ]
    await store.insert("traces", rows)

    table = await cohort_table(store, CohortQuery(by=by, metrics="traces"))

    assert table["by"] == by
    assert [(row["key"], row["metrics"]["traces"]["value"]) for row in table["cohorts"]] == [
        (keys[0], 2.0),
        (keys[1], 1.0),
    ]


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, False), (None, False)])
async def test_a_table_says_when_there_are_more_cohorts(
    filled: Store,
    limit: int | None,
    more: bool,  # noqa: FBT001
) -> None:
    table = await cohort_table(filled, CohortQuery(by="encoder", metrics="traces", limit=limit))

    assert (len(table["cohorts"]), table["more"]) == (limit or 2, more)
    assert any("more cohorts than these 1" in each for each in of_cohorts(table)) is more


async def test_a_table_counts_only_what_the_filter_leaves(filled: Store) -> None:
    wanted = TraceFilter(where="score.groundedness < 0.5 and kind != 'TOOL'", since="2026-11-01")

    table = await cohort_table(filled, CohortQuery(by="encoder", metrics="traces", filter=wanted))

    assert [(row["key"], row["metrics"]["traces"]["n"]) for row in table["cohorts"]] == [("new", 1)]


@pytest.mark.parametrize(
    ("by", "metrics", "words"),
    [
        ("encoder", "trces", "unknown metric 'trces'; did you mean traces?; there are traces, spans"),
        ("encoder", "recall@0", "unknown metric 'recall@0'"),
        ("encoder", "score:", "unknown metric 'score:'"),
        ("encoder", " , ", "name at least one metric"),
        ("encoder", ",".join(f"recall@{k}" for k in range(1, 40)), "at most 24 metrics at once, got 39"),
        ("encodr", "traces", "unknown dimension 'encodr'; did you mean encoder?"),
        ("query", "traces", "unknown dimension 'query'"),
        ("metadata.", "traces", "unknown dimension 'metadata.'"),
        ("encoder", "traces,churn@10", "churn@10 compares two encoders; use compare"),
        ("encoder", "rbo", "rbo compares two encoders; use compare"),
    ],
)
async def test_what_is_not_known_is_refused_with_what_there_is(
    store: Store, by: str, metrics: str, words: str
) -> None:
    with pytest.raises(QueryError) as caught:
        await cohort_table(store, CohortQuery(by=by, metrics=metrics))

    assert words in caught.value.message
    assert caught.value.status == 400


def test_a_metric_named_twice_is_shown_once() -> None:
    assert [each.name for each in parse_metrics("traces, mrr,traces")] == ["traces", "mrr"]


async def test_names_in_metrics_and_dimensions_are_values_not_sql(store: Store) -> None:
    await store.insert("traces", [trace("a", Metadata={"it's {x:String}": "yes"})])
    odd = "score:it's {x:String}') --"

    table = await cohort_table(store, CohortQuery(by="metadata.it's {x:String}", metrics=[odd, "p99_ms:a'b"]))

    assert table["cohorts"][0]["key"] == "yes"
    assert table["cohorts"][0]["metrics"][odd]["n"] == 0


async def test_a_persons_score_replaces_the_evaluators_in_a_table(filled: Store) -> None:
    async def mean() -> float:
        table = await cohort_table(filled, CohortQuery(by="encoder", metrics="score:groundedness"))
        return float(table["cohorts"][0]["metrics"]["score:groundedness"]["value"])

    assert await mean() == pytest.approx((0.2 + 0.6 + 0.4) / 3)

    await filled.insert("scores", [score("a", Score=1.0, Source="human")])
    assert await mean() == pytest.approx((1.0 + 0.6 + 0.4) / 3)

    await filled.insert("scores", [score("b", Score=0.0, SpanId="1", Source="human"), score("c", Score=0.1)])
    assert await mean() == pytest.approx((1.0 + 0.6 + 0.1) / 3)


async def test_a_score_that_failed_when_it_was_computed_again_counts_no_more(filled: Store) -> None:
    async def scored() -> int:
        table = await cohort_table(filled, CohortQuery(by="encoder", metrics="score:groundedness"))
        return sum(int(cohort["metrics"]["score:groundedness"]["n"]) for cohort in table["cohorts"])

    before = await scored()
    await filled.insert("scores", [score("c", Score=0.4)])
    assert await scored() == before

    await filled.insert("scores", [score("c", Score=None, Status="error")])
    assert await scored() == before - 1


async def test_a_trace_is_held_to_the_threshold_of_its_own_score_not_of_a_spans(store: Store) -> None:
    await store.insert("traces", [trace("a"), trace("b")])
    held = [score("a", Score=0.6, Threshold=0.7), score("b", Score=0.8, Threshold=0.3)]
    of_spans = [score("a", Score=0.9, SpanId="1"), score("b", Score=0.1, SpanId="1", Threshold=0.5)]

    await store.insert("scores", [*held, *of_spans])
    table = await cohort_table(store, CohortQuery(by="query_length", metrics="fail_rate:groundedness"))

    assert [row["metrics"]["fail_rate:groundedness"]["value"] for row in table["cohorts"]] == [0.5]


async def test_a_bound_project_sees_neither_traces_nor_scores_of_another(store: Store) -> None:
    await store.insert("traces", [trace("a", Project="mine"), trace("b", Project="theirs")])
    await store.insert(
        "scores", [score("a", Score=0.9, Project="theirs"), score("a", Score=0.1, Project="mine")]
    )
    mine = TraceFilter(project="mine", where="project like '%'")

    table = await cohort_table(store, CohortQuery(by="project", metrics="score:groundedness", filter=mine))

    (cohort,) = table["cohorts"]
    assert (cohort["key"], cohort["metrics"]["score:groundedness"]["value"]) == ("mine", 0.1)


HITS = {
    # thumbs, the intent's score, its label, who gave it; and whether the hit was wrong
    "nobody judged": (None, None, "", "evaluator", None),
    "down": (-1, None, "", "evaluator", 1),
    "up": (1, None, "", "evaluator", 0),
    "below the threshold": (None, 0.4, "", "evaluator", 1),
    "above the threshold": (None, 0.6, "", "evaluator", 0),
    "a label is the verdict": (None, 0.6, "fail", "evaluator", 1),
    "a thumb stands before a score": (1, 0.1, "", "evaluator", 0),
    "and before a label": (-1, 0.9, "pass", "evaluator", 1),
}


@pytest.mark.parametrize("of_a_span", [False, True], ids=["scores of traces", "a score of a span"])
async def test_a_cache_hit_is_wrong_by_a_thumb_else_by_the_intents_score(
    store: Store, *, of_a_span: bool
) -> None:
    cases = [(f"{hit} {name}", hit, *case) for name, case in HITS.items() for hit in (True, False, None)]
    await store.insert("traces", [trace(name, CacheHit=hit, Route=name) for name, hit, *_ in cases])
    await store.insert(
        "feedback",
        [_feedback(name, "thumbs", Value=thumb) for name, _, thumb, *_ in cases if thumb is not None],
    )
    scores = [
        score(name, Name="cache_intent_match", Score=value, Label=label, Source=source)
        for name, _, _, value, label, source, _ in cases
        if value is not None
    ]
    if of_a_span:  # the scores of a name are then resolved another way
        scores.append(score("elsewhere", Name="cache_intent_match", Score=0.1, SpanId="1"))
    await store.insert("scores", scores)

    table = await cohort_table(store, CohortQuery(by="route", metrics="cache_wrong_hit_rate"))

    found = {row["key"]: row["metrics"]["cache_wrong_hit_rate"] for row in table["cohorts"]}
    assert {name: (each["value"], each["n"]) for name, each in found.items()} == {
        name: (wrong, 1) if hit and wrong is not None else (None, 0) for name, hit, *_, wrong in cases
    }


async def test_a_score_that_is_no_number_spoils_no_mean(store: Store) -> None:
    await store.insert(
        "traces", [trace(name, RerankScores=[score]) for name, score in (("a", 0.5), ("b", 1.5))]
    )
    for name, number in (("c", "nan"), ("d", "inf")):
        await store.command(
            "INSERT INTO traces (Project, TraceId, StartedAt, Name, Service, RerankScores) SELECT "
            f"'app', '{trace_id(name)}', '2026-11-21 10:00:00', 'ask', 'shop', [{number}]"
        )

    asked = CohortQuery(by="service", metrics="reranker_score")
    metrics = (await cohort_table(store, asked))["cohorts"][0]["metrics"]

    assert (metrics["reranker_score"]["value"], metrics["reranker_score"]["n"]) == (1.0, 2)
