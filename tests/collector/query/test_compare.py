"""Comparisons: which traces are paired, what the differences are, and when there is a verdict."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from groundtrace_collector.errors import StoreError
from groundtrace_collector.query.absences import of_comparison
from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.query.intervals import MIN_MOVING, Law, wilson
from groundtrace_collector.query.sides import sides_of
from groundtrace_collector.replay.ranking import DEPTH, churn_measures
from groundtrace_collector.store.driver import Driver
from tests.collector.rows import score, trace

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store

UNTIL = TraceFilter(until="2027-01-01")
QUERY = {"by": "encoder", "base": "old", "candidate": "new"}


async def _compare(store: Store, metrics: str, **changes: Any) -> dict[str, dict[str, Any]]:
    """The metrics of each cohort by its key."""
    query = CompareQuery(**{**QUERY, "metrics": metrics, "filter": UNTIL, **changes})
    found = await compare(store, query)
    return {cohort["key"]: cohort["metrics"] for cohort in found["cohorts"]}


def _pair(n: int, old: dict[str, Any], new: dict[str, Any], **both: Any) -> list[dict[str, Any]]:
    """The traces of one query that went through both encoders."""
    return [
        trace(f"old{n}", Encoder="old", QueryHash=n + 1, **both, **old),
        trace(f"new{n}", Encoder="new", QueryHash=n + 1, **both, **new),
    ]


async def test_the_same_queries_are_paired_and_differ_as_students_test_says(store: Store) -> None:
    rng = np.random.default_rng(1)
    old = rng.integers(100, 900, 40)
    new = old + rng.integers(-10, 60, 40)
    rows = [
        row
        for n in range(40)
        for row in _pair(n, {"TokensPrompt": int(old[n])}, {"TokensPrompt": int(new[n])})
    ]
    await store.insert("traces", rows)

    found = (await _compare(store, "tokens_prompt"))["*"]["tokens_prompt"]

    expected = stats.ttest_rel(new, old)
    interval = expected.confidence_interval()
    assert found["difference"] == pytest.approx(
        {"value": (new - old).mean(), "low": interval.low, "high": interval.high, "n": 40}
    )
    assert (found["paired"], found["verdict"]) == (True, "worse")
    assert found["p_value"] == pytest.approx(expected.pvalue)
    assert found["candidate"]["value"] - found["base"]["value"] == pytest.approx(found["difference"]["value"])


async def test_the_traces_of_a_query_are_averaged_on_each_side(store: Store) -> None:
    rows = [row for n in range(20) for row in _pair(n, {"TokensPrompt": 10}, {"TokensPrompt": 20})]
    rows += [trace("again", Encoder="old", QueryHash=1, TokensPrompt=30)]
    await store.insert("traces", rows)

    found = (await _compare(store, "tokens_prompt"))["*"]["tokens_prompt"]

    assert (found["base"]["value"], found["base"]["n"]) == (pytest.approx((19 * 10 + 20) / 20), 20)


@pytest.mark.parametrize("cohort", [None, "metadata.team"])
async def test_traces_without_a_query_are_no_pair(store: Store, cohort: str | None) -> None:
    one, other = {"TokensPrompt": 10}, {"TokensPrompt": 20}
    rows = [row for n in range(20) for row in _pair(n, one, other, Metadata={"team": "a"})]
    rows += [
        trace(f"{side}-silent", Encoder=side, QueryHash=0, TokensPrompt=500, Metadata={"team": "b"})
        for side in ("old", "new")
    ]
    await store.insert("traces", rows)

    found = await _compare(store, "traces,tokens_prompt", cohort=cohort)

    whole = found["*"]["tokens_prompt"]
    assert (whole["paired"], whole["difference"]["n"], whole["base"]["value"]) == (True, 20, 10)
    assert [found["*"]["traces"][side]["value"] for side in ("base", "candidate")] == [21, 21]
    if cohort:
        assert list(found) == ["*", "a", "b"]
        alone = found["b"]["tokens_prompt"]
        assert (alone["paired"], alone["base"]["value"]) == (False, 500)


async def test_rows_of_a_dataset_are_paired_whatever_their_query(store: Store) -> None:
    rows = [
        trace(
            f"{side}{n}", Encoder=side, DatasetRow=f"r{n}", QueryHash=hash((side, n)) % 2**60, TokensPrompt=n
        )
        for side in ("old", "new")
        for n in range(20)
    ]
    await store.insert("traces", rows)

    found = (await _compare(store, "tokens_prompt"))["*"]["tokens_prompt"]

    assert (found["paired"], found["difference"]["n"], found["difference"]["value"]) == (True, 20, 0)


async def test_separate_traffic_is_independent_and_a_rate_differs_as_newcombe_says(store: Store) -> None:
    rows = [
        trace(
            f"{side}{n}",
            Encoder=side,
            Status="error" if n < errors else "ok",
            QueryHash=n + 1 + 1_000 * errors,
        )
        for side, errors in (("old", 12), ("new", 22))
        for n in range(200)
    ]
    await store.insert("traces", rows)

    found = (await _compare(store, "error_rate"))["*"]["error_rate"]

    assert found["difference"] == pytest.approx(
        {"value": 0.05, "low": -0.005, "high": 0.107, "n": 400}, abs=1e-3
    )
    assert (found["paired"], found["verdict"]) == (False, "no difference")


async def test_a_few_shared_queries_do_not_stand_for_separate_traffic(store: Store) -> None:
    rows = [
        trace(
            f"{side}{n}",
            Encoder=side,
            QueryHash=n + 1 if n < 5 else n + 1 + 1_000 * len(side + str(side == "new")),
        )
        for side in ("old", "new")
        for n in range(100)
    ]
    await store.insert("traces", rows)

    found = (await _compare(store, "error_rate"))["*"]["error_rate"]

    assert (found["paired"], found["base"]["n"], found["candidate"]["n"]) == (False, 100, 100)


async def test_sessions_count_as_one_observation_each(store: Store) -> None:
    def rows(session: str) -> list[dict[str, Any]]:
        return [
            trace(
                f"{session}{side}{n}",
                Project=session or "none",
                Encoder=side,
                Session=f"{session}{side}{n // 10}" if session else "",
                TokensPrompt=100 + 10 * (n // 10) + (5 if side == "new" else 0),
            )
            for side in ("old", "new")
            for n in range(100)
        ]

    await store.insert("traces", rows("") + rows("s"))

    async def width(project: str) -> float:
        found = await _compare(
            store, "tokens_prompt", filter=TraceFilter(where=f"project = '{project}'", until="1s")
        )
        difference = found["*"]["tokens_prompt"]["difference"]
        return float(difference["high"] - difference["low"])

    # Ten traces of a session say what one says: the interval of 10 and 10 clusters, not of 100 and 100 traces.
    assert await width("s") == pytest.approx((await width("none")) * 3.56, rel=0.02)


async def test_fewer_than_20_pairs_are_insufficient_whatever_the_difference(store: Store) -> None:
    rows = [row for n in range(19) for row in _pair(n, {"Status": "error"}, {"Status": "ok"})]
    await store.insert("traces", rows)

    found = (await _compare(store, "error_rate"))["*"]["error_rate"]

    assert (found["difference"]["value"], found["difference"]["n"]) == (-1.0, 19)
    assert (found["paired"], found["verdict"], found["p_value"]) == (True, "insufficient data", None)


async def test_an_encoder_that_nobody_used_is_insufficient_data(store: Store) -> None:
    await store.insert("traces", [trace("a", Encoder="old")])

    for cohorts in (
        await _compare(store, "error_rate,p99_ms,traces"),
        await _compare(store, "mrr", base="x", candidate="y"),
    ):
        for name, found in cohorts["*"].items():
            assert found["verdict"] == (None if name == "traces" else "insufficient data")
            assert found["difference"]["low"] is None


def _families(store_rows: list[dict[str, Any]], family: str, shift: int, start: int, size: int = 60) -> None:
    rng = np.random.default_rng(start)
    for n in range(start, start + size):
        old = int(rng.integers(200, 400))
        new = old + shift + int(rng.integers(-30, 31))
        store_rows += _pair(
            n, {"DurationNs": 1, "TokensPrompt": old}, {"TokensPrompt": new}, Metadata={"family": family}
        )


async def test_each_cohort_has_its_own_verdict_and_the_whole_comes_first(store: Store) -> None:
    rows: list[dict[str, Any]] = []
    _families(rows, "better", -40, 0, 70)
    _families(rows, "worse", 40, 1_000)
    _families(rows, "same", 0, 2_000, 50)
    _families(rows, "few", 90, 3_000, 10)
    await store.insert("traces", rows)

    found = await _compare(store, "tokens_prompt", cohort="metadata.family")

    assert list(found) == ["*", "better", "worse", "same", "few"]
    assert {key: each["tokens_prompt"]["verdict"] for key, each in found.items() if key != "*"} == {
        "better": "better",
        "worse": "worse",
        "same": "no difference",
        "few": "insufficient data",
    }
    assert found["*"]["tokens_prompt"]["difference"]["n"] == 190


async def test_p_values_are_corrected_for_the_number_of_cohorts_shown(store: Store) -> None:
    rows: list[dict[str, Any]] = []
    for index in range(12):
        _families(rows, f"f{index:02d}", 7 if index == 0 else 0, 1_000 * index, 40)
    await store.insert("traces", rows)

    many = await _compare(store, "tokens_prompt", cohort="metadata.family")
    alone = await _compare(
        store,
        "tokens_prompt",
        cohort="metadata.family",
        filter=TraceFilter(where="metadata.family = 'f00'", until="1s"),
    )

    raw = {}
    for key in many:
        each = many[key]["tokens_prompt"]
        raw[key] = each["p_value"]
    assert alone["f00"]["tokens_prompt"]["p_value"] < raw["f00"]
    assert alone["f00"]["tokens_prompt"]["difference"] == many["f00"]["tokens_prompt"]["difference"]


async def test_without_until_the_interval_allows_for_looking_again(store: Store) -> None:
    rows: list[dict[str, Any]] = []
    _families(rows, "x", 5, 0)
    await store.insert("traces", rows)

    fixed = (await _compare(store, "tokens_prompt"))["*"]["tokens_prompt"]
    watched = (await _compare(store, "tokens_prompt", filter=TraceFilter()))["*"]["tokens_prompt"]

    assert watched["difference"]["low"] < fixed["difference"]["low"]
    assert watched["difference"]["high"] > fixed["difference"]["high"]
    assert watched["difference"]["value"] == fixed["difference"]["value"]
    assert watched["p_value"] > fixed["p_value"]


@pytest.mark.parametrize(
    ("metric", "old", "new", "verdict"),
    [
        ("score:groundedness", 0.2, 0.8, "better"),
        ("score:hallucination_score", 0.2, 0.8, "worse"),
        ("fail_rate:groundedness", 0.2, 0.8, "better"),
        ("fail_rate:hallucination_score", 0.2, 0.8, "worse"),
    ],
)
async def test_which_way_is_better_depends_on_the_evaluator(
    store: Store, metric: str, old: float, new: float, verdict: str
) -> None:
    name = metric.partition(":")[2]
    await store.insert("traces", [row for n in range(30) for row in _pair(n, {}, {})])
    await store.insert(
        "scores",
        [
            score(f"{side}{n}", Name=name, Score=value + n / 1_000)
            for side, value in (("old", old), ("new", new))
            for n in range(30)
        ],
    )

    assert (await _compare(store, metric))["*"][metric]["verdict"] == verdict


async def test_quantiles_counts_and_ratios_stand_beside_paired_metrics(store: Store) -> None:
    rows = [
        row
        for n in range(400)
        for row in _pair(
            n,
            {"DurationNs": (100 + n) * 1_000_000, "EmbeddedTexts": 2, "EmbeddingNs": 10**9},
            {"DurationNs": (400 + n) * 1_000_000, "EmbeddedTexts": 4, "EmbeddingNs": 10**9 + n},
        )
    ]
    await store.insert("traces", rows)

    found = (await _compare(store, "traces,p50_ms,error_rate,embeddings_per_s"))["*"]

    assert (found["traces"]["difference"]["value"], found["traces"]["verdict"]) == (0, None)
    assert found["p50_ms"]["difference"]["value"] == 300
    assert found["p50_ms"]["difference"]["low"] > 200
    assert (found["p50_ms"]["paired"], found["p50_ms"]["verdict"]) == (False, "worse")
    assert (found["error_rate"]["paired"], found["error_rate"]["verdict"]) == (True, "no difference")
    assert found["embeddings_per_s"]["difference"]["value"] == pytest.approx(2, rel=1e-4)
    assert found["embeddings_per_s"]["verdict"] == "better"


@pytest.mark.parametrize(("families", "more"), [(200, False), (201, True)])
async def test_an_answer_says_when_there_are_more_cohorts_than_it_shows(
    store: Store,
    families: int,
    more: bool,  # noqa: FBT001
) -> None:
    rows = [row for n in range(families) for row in _pair(n, {}, {}, Metadata={"family": f"{n:03}"})]
    await store.insert("traces", rows)

    found = await compare(
        store, CompareQuery(**QUERY, metrics="error_rate", cohort="metadata.family", filter=UNTIL)
    )

    assert (len(found["cohorts"]), found["more"]) == (201, more)
    told = [each for each in of_comparison(found) if "more cohorts than these 200" in each]
    assert len(told) == more


async def test_a_comparison_that_is_ended_early_keeps_no_traces(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.insert("traces", [row for n in range(30) for row in _pair(n, {}, {})])
    query, ended = Driver.query, []

    def ending(driver: Driver, sql: str, *rest: Any) -> list[dict[str, Any]]:
        """End the statement that follows the reading of the traces, as the server does with long ones."""
        if "FROM compared" not in sql:
            return query(driver, sql, *rest)
        ended.append(driver)
        return query(driver, "SELECT throwIf(1)")

    with monkeypatch.context() as patched:
        patched.setattr(Driver, "query", ending)
        with pytest.raises(StoreError):
            await _compare(store, "p50_ms", cohort="service")

    (driver,) = ended
    with pytest.raises(StoreError, match="compared"):
        driver.query("SELECT count() FROM compared")


async def test_a_value_compared_with_itself_is_refused(store: Store) -> None:
    with pytest.raises(QueryError, match="base and candidate are both 'new': name two values"):
        await _compare(store, "traces", base="new")


def _rankings(rng: np.random.Generator, pairs: int, depth: int) -> list[tuple[list[str], list[str]]]:
    """Two rankings of each query, cut from one shuffled pool, some shorter, some empty."""
    pool = [f"doc-{n}" for n in range(depth + 5)]
    return [
        tuple(list(rng.permutation(pool))[: rng.integers(0, depth + 1)] for _ in range(2))  # type: ignore[misc]
        for _ in range(pairs)
    ]


def _bounds(values: np.ndarray) -> tuple[float, float]:
    """Student's t; Wilson's where fewer than ten, effectively, are not all 0, or not all 1."""
    apart = [each.sum() ** 2 / (each**2).sum() if each.any() else 0.0 for each in (values, 1 - values)]
    if min(apart) < MIN_MOVING:
        return wilson(values.mean(), len(values), Law(df=len(values) - 1).critical())
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    return interval.low, min(interval.high, 1.0)


@pytest.mark.parametrize("depth", [3, 12, 130])
async def test_churn_and_overlap_are_those_of_a_replay(store: Store, depth: int) -> None:
    rankings = _rankings(np.random.default_rng(depth), 40, depth)
    await store.insert(
        "traces",
        [
            row
            for n, (old, new) in enumerate(rankings)
            for row in _pair(n, {"RetrievedIds": old}, {"RetrievedIds": new}, SpanKinds=["RETRIEVER"])
        ],
    )
    old, new = (tuple(ids[side][:DEPTH] for ids in rankings) for side in (0, 1))
    expected = churn_measures(old, new, [1, 10])

    found = (await _compare(store, "churn@1,churn@10,rbo"))["*"]

    for name, each in found.items():
        low, high = _bounds(expected[name])
        assert each["difference"] == pytest.approx(
            {"value": expected[name].mean(), "low": low, "high": high, "n": 40}
        ), name
        nothing = {"value": None, "low": None, "high": None, "n": 40}
        assert (each["base"], each["candidate"]) == (nothing, nothing)
        assert (each["paired"], each["verdict"], each["p_value"]) == (True, None, None)


async def test_the_newest_retrieval_of_a_query_counts_and_a_trace_without_one_does_not(store: Store) -> None:
    rows = [row for n in range(20) for row in _pair(n, {"RetrievedIds": ["a"]}, {"RetrievedIds": ["a"]})]
    rows += [row for n in range(20, 25) for row in _pair(n, {"RetrievedIds": ["a"]}, {})]
    rows += [
        trace("later", Encoder="new", QueryHash=1, RetrievedIds=["b"], StartedAt="2026-11-21T10:00:01Z"),
        trace("sooner", Encoder="new", QueryHash=2, RetrievedIds=["b"], StartedAt="2026-11-21T09:00:00Z"),
    ]
    await store.insert("traces", rows)

    found = (await _compare(store, "churn@5,rbo"))["*"]

    assert (found["churn@5"]["difference"]["value"], found["churn@5"]["difference"]["n"]) == (1 / 20, 20)
    assert found["rbo"]["difference"]["value"] == pytest.approx(19 / 20)


async def test_churn_of_fewer_than_20_pairs_is_insufficient_data_and_separate_traffic_has_none(
    store: Store,
) -> None:
    few = [row for n in range(19) for row in _pair(n, {"RetrievedIds": ["a"]}, {"RetrievedIds": ["b"]})]
    alone = [trace(f"x{n}", Encoder="old", QueryHash=100 + n, RetrievedIds=["a"]) for n in range(60)]
    await store.insert("traces", few + alone)

    found = (await _compare(store, "churn@5"))["*"]["churn@5"]
    none = (await _compare(store, "churn@5", candidate="nobody"))["*"]["churn@5"]

    assert (found["difference"]["value"], found["difference"]["n"], found["verdict"]) == (
        1.0,
        19,
        "insufficient data",
    )
    assert (none["difference"]["value"], none["difference"]["n"], none["verdict"]) == (
        None,
        0,
        "insufficient data",
    )


async def test_churn_goes_by_cohort_also_where_a_query_lies_in_two(store: Store) -> None:
    rows = []
    for n in range(30):
        rows += _pair(n, {"RetrievedIds": ["a"]}, {"RetrievedIds": ["a" if n < 24 else "b"]}, Route="main")
    rows += _pair(0, {"RetrievedIds": ["a"]}, {"RetrievedIds": ["b"]}, Route="side")[1:]
    rows[-1]["TraceId"] = rows[0]["TraceId"][::-1]
    await store.insert("traces", rows)

    found = await _compare(store, "churn@5", cohort="route")

    assert found["main"]["churn@5"]["difference"]["value"] == pytest.approx(6 / 30)
    assert found["side"]["churn@5"]["difference"]["n"] == 0


async def test_pairs_are_won_lost_and_tied_by_the_metrics_direction(store: Store) -> None:
    rows = []
    for n in range(30):
        change = 0 if n < 5 else 10 if n < 17 else -10
        better = 0 if n < 5 else 1 if n < 17 else -1
        rows += _pair(
            n,
            {"TokensPrompt": 100, "RetrievedIds": ["x", "a"]},
            {"TokensPrompt": 100 + change, "RetrievedIds": [["x", "a"], ["a", "x"], ["x", "y"]][better]},
            GoldIds=["a"],
        )
    await store.insert("traces", rows)

    found = (await _compare(store, "tokens_prompt,mrr,p50_ms,traces,churn@2"))["*"]

    outcomes = {name: (each["wins"], each["losses"], each["ties"]) for name, each in found.items()}
    # More tokens are worse, a higher rank is better.
    assert outcomes["tokens_prompt"] == (13, 12, 5)
    assert outcomes["mrr"] == (12, 13, 5)
    assert outcomes["p50_ms"] == outcomes["traces"] == outcomes["churn@2"] == (None, None, None)


async def test_a_comparison_says_what_it_could_have_detected(store: Store) -> None:
    rows: list[dict[str, Any]] = []
    _families(rows, "many", 0, 0, 400)
    _families(rows, "few", 0, 1_000, 25)
    await store.insert("traces", rows)

    fixed = await _compare(store, "tokens_prompt,traces", cohort="metadata.family")
    watched = await _compare(store, "tokens_prompt", cohort="metadata.family", filter=TraceFilter())

    for key, n in (("many", 400), ("few", 25)):
        each = fixed[key]["tokens_prompt"]
        law = stats.t(n - 1)
        error = (each["difference"]["high"] - each["difference"]["low"]) / 2 / law.ppf(0.975)
        assert each["detectable"] == pytest.approx((law.ppf(0.975) + law.ppf(0.8)) * error)
        assert watched[key]["tokens_prompt"]["detectable"] > each["detectable"]
    assert fixed["*"]["traces"]["detectable"] is None


def _on(day: int, **columns: Any) -> dict[str, Any]:
    return {"StartedAt": f"2026-11-{day:02d}T10:00:00Z", **columns}


async def test_two_windows_of_one_encoder_are_compared(store: Store) -> None:
    rows = [
        trace(f"{day}/{n}", Encoder="only", QueryHash=n + 1, **_on(day, TokensPrompt=100 * day + n))
        for day in (1, 7, 8, 14, 15)
        for n in range(25)
    ]
    await store.insert("traces", rows)

    found = await _compare(
        store,
        "traces,tokens_prompt",
        by="window",
        base="2026-11-01/2026-11-08",
        candidate="2026-11-08/2026-11-15",
        filter=TraceFilter(where="encoder = 'only'"),
    )

    assert (found["*"]["traces"]["base"]["value"], found["*"]["traces"]["candidate"]["value"]) == (50, 50)
    assert found["*"]["tokens_prompt"]["paired"]
    assert found["*"]["tokens_prompt"]["difference"]["value"] == pytest.approx((800 + 1400 - 100 - 700) / 2)


@pytest.mark.parametrize(
    ("base", "candidate", "until", "watched"),
    [
        pytest.param("20d/10d", "10d/", None, True, id="open"),
        pytest.param("20d/10d", "2026-11-11/2026-11-30", None, True, id="ends tomorrow"),
        pytest.param("20d/10d", "10d/0s", None, False, id="ends now"),
        pytest.param("10d/", "20d/10d", None, True, id="the base is open"),
        pytest.param("20d/10d", "10d/", "1s", False, id="open but for until"),
    ],
)
def test_a_window_that_still_fills_is_watched(
    base: str,
    candidate: str,
    until: str | None,
    watched: bool,  # noqa: FBT001
) -> None:
    wanted = TraceFilter(now=datetime(2026, 11, 21, tzinfo=UTC), until=until)

    assert sides_of("window", base, candidate, wanted).watched == watched


@pytest.mark.parametrize(
    ("base", "candidate", "message"),
    [
        ("14d", "7d/", "base: '14d' is not a window; write START/END, such as 14d/7d"),
        ("14d/7d", "soon/", "candidate: 'soon' is not a time"),
        ("7d/14d", "7d/", "base: the window 7d/14d ends before it starts"),
        ("14d/6d", "7d/", "the windows 14d/6d and 7d/ overlap: move one of them"),
        ("/7d", "7d/", "base: '/7d' is not a window"),
    ],
)
async def test_a_window_that_is_none_is_refused_in_words(
    store: Store, base: str, candidate: str, message: str
) -> None:
    with pytest.raises(QueryError, match=re.escape(message)):
        await _compare(store, "traces", by="window", base=base, candidate=candidate, filter=TraceFilter())
