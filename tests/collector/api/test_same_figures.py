"""One store, one real server: the API, the Client, the command line and SQL written by hand say the same figures.

The SQL starts from the spans, documents, scores and feedback themselves where it can, not from what `traces` made
of them.
"""

# ruff: noqa: S608 - SQL by hand is what this is about

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from click.testing import CliRunner

from groundtrace import Client
from groundtrace_collector.commands.group import command
from groundtrace_collector.query.metrics import catalogue, known_metrics
from tests.collector.conftest import ServeProcess
from tests.collector.otlp import otlp_request
from tests.collector.rows import trace_id

if TYPE_CHECKING:
    from collections.abc import Iterator

QUESTIONS: Final = 24
BASE, CANDIDATE = "hash@1", "lsa@2"
OF_SPANS = "otel_traces AS s JOIN traces AS t ON s.TraceId = t.TraceId"
OF_DOCUMENTS = "retrieved_documents AS d JOIN traces AS t ON d.TraceId = t.TraceId"
IS_GOLD = "has(t.GoldIds, d.DocumentId)"
SCORED = (
    "traces AS t LEFT JOIN (SELECT * FROM scores WHERE Name = '{name}' AND Status = 'ok') AS x "
    "ON t.TraceId = x.TraceId"
)
SAID = "traces AS t LEFT JOIN (SELECT * FROM feedback WHERE Name = '{name}') AS f ON t.TraceId = f.TraceId"
# A hash's similarity is nearer when it is higher, this lsa's distance when it is lower.
NEARNESS = f"if(any(t.Encoder) = '{BASE}', 1, -1)"
GOLD_AND_BEST = f"""
    (SELECT t.Encoder AS Encoder, t.TraceId AS TraceId,
        maxIf(d.Score, {IS_GOLD}) * {NEARNESS} AS gold,
        if({NEARNESS} = 1, maxIf(d.Score, NOT {IS_GOLD}), -minIf(d.Score, NOT {IS_GOLD})) AS best
    FROM {OF_DOCUMENTS}
    WHERE d.Stage = 'retrieved' AND notEmpty(t.GoldIds)
    GROUP BY t.Encoder, t.TraceId
    HAVING countIf({IS_GOLD}) > 0) AS t"""


RERANKED = f"""
    (SELECT t.Encoder AS Encoder, t.TraceId AS TraceId, avg(d.Score) AS v FROM {OF_DOCUMENTS}
    WHERE d.Stage = 'rerank_out' GROUP BY t.Encoder, t.TraceId) AS t"""


def _of_gold(value: str) -> str:
    """A measure of each trace with gold over the ranks of its retrieved documents."""
    return f"""(SELECT t.Encoder AS Encoder, t.TraceId AS TraceId, {value} AS v FROM {OF_DOCUMENTS}
        WHERE d.Stage = 'retrieved' AND notEmpty(t.GoldIds) GROUP BY t.Encoder, t.TraceId) AS t"""


def _quantile(level: float, ns: str) -> tuple[str, str]:
    return f"arraySort(groupArray({ns}))[toInt64(ceil(count() * {level}))] / 1e6", "count()"


# Of each metric: its value, its n, and over what.
BY_HAND: dict[str, tuple[str, str, str]] = {
    "traces": ("count()", "count()", "traces AS t"),
    "spans": ("count()", "uniqExact(s.TraceId)", OF_SPANS),
    "error_rate": ("avg(s.StatusCode = 'Error')", "count()", f"{OF_SPANS} WHERE s.ParentSpanId = ''"),
    "p50_ms": (*_quantile(0.5, "s.Duration"), f"{OF_SPANS} WHERE s.ParentSpanId = ''"),
    "p95_ms": (*_quantile(0.95, "s.Duration"), f"{OF_SPANS} WHERE s.ParentSpanId = ''"),
    "p99_ms": (*_quantile(0.99, "s.Duration"), f"{OF_SPANS} WHERE s.ParentSpanId = ''"),
    "p50_ms:LLM": (*_quantile(0.5, "s.Duration"), f"{OF_SPANS} WHERE s.Kind = 'LLM'"),
    "p95_ms:RETRIEVER": (*_quantile(0.95, "s.Duration"), f"{OF_SPANS} WHERE s.Kind = 'RETRIEVER'"),
    "p99_ms:LLM": (*_quantile(0.99, "s.Duration"), f"{OF_SPANS} WHERE s.Kind = 'LLM'"),
    "tokens_prompt": ("avg(s.TokensPrompt)", "count(s.TokensPrompt)", f"{OF_SPANS} WHERE s.Kind = 'LLM'"),
    "tokens_per_trace": (
        "avg(ifNull(s.TokensPrompt, 0) + ifNull(s.TokensCompletion, 0))", "count()",
        f"{OF_SPANS} WHERE s.Kind = 'LLM' AND (s.TokensPrompt IS NOT NULL OR s.TokensCompletion IS NOT NULL)",
    ),
    "cost_per_trace": ("avg(s.CostUsd)", "count(s.CostUsd)", f"{OF_SPANS} WHERE s.Kind = 'LLM'"),
    "score:groundedness": ("avg(x.Score)", "count(x.Score)", SCORED.format(name="groundedness")),
    "fail_rate:groundedness": (
        "avg(if(x.Label != '', x.Label = 'fail', x.Score < ifNull(x.Threshold, 0.5)))", "count(x.Score)",
        SCORED.format(name="groundedness"),
    ),
    "coverage:groundedness": ("count(x.Score) / count()", "count()", SCORED.format(name="groundedness")),
    "thumbs_down_rate": ("avg(f.Value = -1)", "count(f.Value)", SAID.format(name="thumbs")),
    "escalation_rate": ("countIf(f.Value > 0) / count()", "count()", SAID.format(name="escalation")),
    "manual_review_rate": ("countIf(f.Value > 0) / count()", "count()", SAID.format(name="manual_review")),
    "fallback_rate": ("uniqExactIf(s.TraceId, s.Fallback) / uniqExact(s.TraceId)", "uniqExact(s.TraceId)", OF_SPANS),
    "retry_rate": (
        "uniqExactIf(s.TraceId, s.RetryAttempt > 0) / uniqExact(s.TraceId)", "uniqExact(s.TraceId)", OF_SPANS,
    ),
    "cache_hit_rate": (
        "uniqExactIf(s.TraceId, s.CacheHit) / uniqExact(s.TraceId)", "uniqExact(s.TraceId)", OF_SPANS,
    ),
    "cache_wrong_hit_rate": (
        "avg(coalesce(f.Value < 0, x.Score < 0.5))", "count(coalesce(f.Value < 0, x.Score < 0.5))",
        SCORED.format(name="cache_intent_match")
        + " LEFT JOIN (SELECT * FROM feedback WHERE Name = 'thumbs') AS f ON t.TraceId = f.TraceId WHERE t.CacheHit",
    ),
    "recall@3": ("avg(t.v)", "count()", _of_gold(f"countIf({IS_GOLD} AND d.Rank <= 3) / any(length(t.GoldIds))")),
    "mrr": ("avg(t.v)", "count()", _of_gold(f"max(if({IS_GOLD}, 1 / d.Rank, 0))")),
    "ndcg@3": ("avg(t.v)", "count()", _of_gold(f"max(if({IS_GOLD} AND d.Rank <= 3, 1 / log2(d.Rank + 1), 0))")),
    "margin": ("avg(t.gold - t.best)", "count()", GOLD_AND_BEST),
    "margin_auroc": ("avg(if(t.gold = t.best, 0.5, t.gold > t.best))", "count()", GOLD_AND_BEST),
    "reranker_score": ("avg(t.v)", "count()", RERANKED),
    "embeddings_per_s": (
        "sum(s.EmbeddedTexts) / (sum(s.Duration) / 1e9)", "uniqExact(s.TraceId)",
        f"{OF_SPANS} WHERE s.Kind = 'EMBEDDING'",
    ),
}  # fmt: skip
OF_PAIRS = {"churn@K", "rbo"}


def _spans(number: int, encoder: str) -> list[dict[str, Any]]:
    """One question to one encoder: what is missing, failed, retried or cached differs from question to question."""
    lsa = encoder == CANDIDATE
    trace = trace_id(f"{number} {encoder}")
    begun = time.time_ns() - (26 * 3_600 - number * 4_000) * 10**9
    turned = [f"d{(number * (3 if lsa else 1) + place) % 6}" for place in range(4)]
    scores = [(0.1 + 0.15 * place) if lsa else (0.9 - 0.1 * place - number / 200) for place in range(4)]

    def span(kind: str, place: int, ms: float, **attributes: Any) -> dict[str, Any]:
        named = {key.replace("__", "."): value for key, value in attributes.items()}
        return {"trace_id": trace, "span_id": f"{place:016x}", "parent_span_id": "" if place == 1 else f"{1:016x}",
                "kind": kind, "start_ns": begun + place, "duration_ms": ms, "attributes": named}  # fmt: skip

    root = span("CHAIN", 1, 100 + (number * 37) % 50 + 10 * lsa, input__value=f"question {number}" + " more" * number,
                metadata=json.dumps({"doc_family": ("billing", "legal")[number % 2],
                                     "language": ("de-DE", "en")[number % 3 == 0]}))  # fmt: skip
    root["status"] = "error" if number % (7 if lsa else 9) == 0 else "ok"
    if number % 8:
        root["attributes"]["groundtrace.gold.document_ids"] = [f"d{number % 5}"]
    if number % 3 < 2:
        root["attributes"]["groundtrace.cache.hit"] = number % 3 == 0
    model, _, version = encoder.partition("@")
    embedding = span("EMBEDDING", 2, 2 + number % 3, embedding__model_name=model,
                     embedding__model_version=version, embedding__text_count=1 + number % 2)  # fmt: skip
    found = _documents("retrieval.documents", list(zip(turned, scores, strict=True)))
    retriever = span("RETRIEVER", 3, 5 + (number * 11) % 17, **found)
    retriever["attributes"]["retrieval.score_sense"] = "distance" if lsa else "similarity"
    llm = span("LLM", 4, 5 + (number * 7) % 40, llm__model_name="m")
    for key, value, there in (
        ("llm.token_count.prompt", 100 + number, number % 5 > 0),
        ("llm.token_count.completion", 10 + number % 4, number % 10 > 0),
        ("llm.cost.total", number / 1000, number % 7 > 0),
        ("groundtrace.fallback", True, number % 6 == 1 + lsa),
        ("groundtrace.retry.attempt", 2, number % 5 == 2),
    ):
        if there:
            llm["attributes"][key] = value
    spans = [root, embedding, retriever, llm]
    if number % 2 == 0:
        kept = [(name, 5.0 - place - number / 10) for place, name in enumerate(turned[1:])]
        spans.append(span("RERANKER", 5, 3, **_documents("reranker.output_documents", kept)))
    return spans


def _documents(prefix: str, ranked: list[tuple[str, float]]) -> dict[str, Any]:
    return {
        f"{prefix}.{place}.document.{key}": value
        for place, (name, score) in enumerate(ranked)
        for key, value in (("id", name), ("score", score))
    }


def _said(number: int, encoder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What evaluators and users said of a trace, with the endpoint that takes it."""
    lsa, trace = encoder == CANDIDATE, {"trace_id": trace_id(f"{number} {encoder}")}
    if number % 4 < 3:
        label = {"label": "pass"} if number % 11 == 0 else {}
        threshold = {"threshold": 0.65} if lsa else {}
        yield (
            "scores",
            {**trace, "name": "groundedness", "score": (number * 13 % 10) / 10, **label, **threshold},
        )
    if number % 4 == 1 or number % 6 == 0:
        yield "scores", {**trace, "name": "cache_intent_match", "score": (number * 7 % 10) / 10}
    if number % 5 < 2:
        yield "feedback", {**trace, "name": "thumbs", "value": -1 if (number + lsa) % 3 == 0 else 1}
    if number % 8 == 2:
        yield "feedback", {**trace, "name": "escalation", "value": int(lsa)}
    if number % 6 == 5:
        yield "feedback", {**trace, "name": "manual_review", "value": 1}


@dataclass(frozen=True, slots=True)
class Asked:
    """The same question asked in every way there is."""

    http: httpx.Client

    @property
    def url(self) -> str:
        return str(self.http.base_url)

    def api(self, path: str, **params: str) -> Any:
        return self.http.get(f"/api/v1/{path}", params=params).raise_for_status().json()

    def command(self, *arguments: str) -> Any:
        done = CliRunner().invoke(command, [*arguments, "--json", "--url", self.url])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def sql(self, text: str) -> list[dict[str, Any]]:
        answer = self.http.post("/api/v1/sql", json={"sql": text})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["rows"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server with two dozen questions to each of two encoders."""
    folder = tmp_path_factory.mktemp("figures")
    process = ServeProcess(folder / "store", folder / "serve.log")
    traces = [(number, encoder) for number in range(QUESTIONS) for encoder in (BASE, CANDIDATE)]
    try:
        process.start()
        with httpx.Client(base_url=process.url) as http:
            spans = [span for trace in traces for span in _spans(*trace)]
            kind = {"content-type": "application/x-protobuf"}
            http.post("/v1/traces", content=otlp_request(spans), headers=kind).raise_for_status()
            said = [each for trace in traces for each in _said(*trace)]
            scores = {"scores": [body for path, body in said if path == "scores"]}
            assert not http.post("/api/v1/scores", json=scores).raise_for_status().json()["rejected"]
            for path, body in said:
                if path == "feedback":
                    http.post("/api/v1/feedback", json=body).raise_for_status()
            deadline = time.monotonic() + 60
            while http.get("/api/v1/traces/count").json()["traces"] < len(traces):
                assert time.monotonic() < deadline, process.log()
                time.sleep(0.1)
            yield Asked(http)
    finally:
        process.stop()


Figures = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def cohorts(asked: Asked) -> dict[str, Figures]:
    """From each way of asking, per metric and encoder, the value."""
    names, found = list(BY_HAND), {}
    halves = [names[:15], names[15:]]
    with Client(asked.url) as client:
        answers = {
            "api": [asked.api("cohorts", by="encoder", metrics=",".join(half)) for half in halves],
            "client": [client.cohorts(by="encoder", metrics=half) for half in halves],
            "command": [
                asked.command("cohorts", "--by", "encoder", "--metrics", ",".join(half)) for half in halves
            ],
        }
    for way, both in answers.items():
        cells = [(cohort["key"], *cell) for half in both for cohort in half["cohorts"]
                 for cell in cohort["metrics"].items()]  # fmt: skip
        found[way] = {name: {key: value for key, each, value in cells if each == name} for name in names}
    return found


def test_every_metric_of_a_trace_is_asked_for() -> None:
    asked_for = {
        entry.pattern for entry in catalogue() for name in BY_HAND if _is_written(entry.pattern, name)
    }

    assert asked_for | OF_PAIRS == set(known_metrics())


def _is_written(pattern: str, name: str) -> bool:
    head = re.match("[^:@]*[:@]", pattern)
    return name.startswith(head[0]) if head else name == pattern


@pytest.mark.parametrize("name", BY_HAND)
def test_a_cohorts_figure_is_the_same_however_it_is_asked_for(
    asked: Asked, cohorts: dict[str, Figures], name: str
) -> None:
    value, n, source = BY_HAND[name]

    rows = asked.sql(f"SELECT t.Encoder AS key, {value} AS value, {n} AS n FROM {source} GROUP BY key")

    by_hand = {row["key"]: (pytest.approx(row["value"], rel=1e-9, abs=1e-12), int(row["n"])) for row in rows}
    assert set(by_hand) == {BASE, CANDIDATE}
    for way, figures in cohorts.items():
        assert {key: (each["value"], each["n"]) for key, each in figures[name].items()} == by_hand, way
    assert cohorts["api"][name] == cohorts["client"][name] == cohorts["command"][name]


def test_sql_on_the_command_line_is_the_sql_of_the_api_and_the_client(asked: Asked) -> None:
    value, n, source = BY_HAND["cache_wrong_hit_rate"]
    text = f"SELECT t.Encoder AS key, {value} AS value, {n} AS n FROM {source} GROUP BY key ORDER BY key"

    with Client(asked.url) as client:
        assert asked.command("sql", text)["rows"] == client.sql(text)["rows"] == asked.sql(text)


DIMENSIONS = {
    "metadata.doc_family": "Metadata['doc_family']",
    "language": "lower(splitByChar('-', Metadata['language'])[1])",
    "query_length": "if(lengthUTF8(Query) <= 20, '1-20', if(lengthUTF8(Query) <= 50, '21-50', "
    "if(lengthUTF8(Query) <= 100, '51-100', '101-200')))",
    "day": "toString(toDate(StartedAt, 'UTC'))",
    "hour": "formatDateTime(StartedAt, '%H', 'UTC')",
    "metadata.doc_family,encoder": "concat(Metadata['doc_family'], ' · ', Encoder)",
}


@pytest.mark.parametrize("by", DIMENSIONS)
def test_cohorts_are_the_groups_of_sql(asked: Asked, by: str) -> None:
    rows = asked.sql(f"SELECT {DIMENSIONS[by]} AS key, count() AS n FROM traces GROUP BY key")
    by_hand = {row["key"]: int(row["n"]) for row in rows}

    answer = asked.api("cohorts", by=by, metrics="traces")

    assert len(by_hand) > 1
    assert {each["key"]: each["metrics"]["traces"]["n"] for each in answer["cohorts"]} == by_hand


PAIRED = {
    "error_rate": "Status = 'error'",
    "tokens_per_trace": "if(TokensPrompt IS NULL AND TokensCompletion IS NULL, NULL, "
    "ifNull(TokensPrompt, 0) + ifNull(TokensCompletion, 0))",
    "recall@3": "if(empty(GoldIds), NULL, arrayCount(id -> has(GoldIds, id), arraySlice(RetrievedIds, 1, 3)) "
    "/ length(GoldIds))",
    "margin_auroc": "MarginAuroc",
}


@pytest.mark.parametrize("name", [*PAIRED, "churn@3"])
def test_a_paired_difference_is_the_same_however_it_is_asked_for(asked: Asked, name: str) -> None:
    sides = {"by": "encoder", "base": BASE, "candidate": CANDIDATE}
    value = f"avgIf(toFloat64({PAIRED.get(name, '0')}), Encoder = '{{}}')"
    found = {
        side: f"groupArrayIf(arraySlice(RetrievedIds, 1, 3), Encoder = '{side}')[1]"
        for side in (BASE, CANDIDATE)
    }
    shared = f"length(arrayIntersect({found[BASE]}, {found[CANDIDATE]}))"
    difference = (
        f"1 - {shared} / (6 - {shared})"
        if name == "churn@3"
        else f"{value.format(CANDIDATE)} - {value.format(BASE)}"
    )
    (by_hand,) = asked.sql(
        f"SELECT avg(v) AS value, count() AS n FROM (SELECT {difference} AS v FROM traces GROUP BY Query) "
        "WHERE isFinite(v)"
    )

    whole = asked.api("compare", metrics=name, **sides)["cohorts"][0]["metrics"][name]

    assert whole["paired"]
    assert whole["difference"]["n"] == int(by_hand["n"])
    assert whole["difference"]["value"] == pytest.approx(by_hand["value"], rel=1e-9, abs=1e-12)


def test_a_comparison_is_the_same_however_it_is_asked_for(asked: Asked) -> None:
    metrics = ["traces", "p95_ms", "tokens_per_trace", "fail_rate:groundedness", "embeddings_per_s", "rbo"]
    sides = {"by": "encoder", "base": BASE, "candidate": CANDIDATE, "cohort": "metadata.doc_family"}
    until = "2100-01-01"

    with Client(asked.url) as client:
        answers = [
            asked.api("compare", metrics=",".join(metrics), until=until, **sides),
            client.compare(metrics=metrics, until=until, **sides),
            asked.command("compare", "--metrics", ",".join(metrics), "--until", until,
                          *(f"--{key}={value}" for key, value in sides.items())),
        ]  # fmt: skip

    assert answers[0] == answers[1] == answers[2]
    assert [each["key"] for each in answers[0]["cohorts"]] == ["*", "billing", "legal"]
    assert list(answers[0]["cohorts"][0]["metrics"]) == metrics


def test_margins_of_two_encoders_are_refused_in_a_comparison(asked: Asked) -> None:
    sides = {"by": "encoder", "base": BASE, "candidate": CANDIDATE, "metrics": "margin"}

    refused = asked.http.get("/api/v1/compare", params=sides)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "mixed_spaces")
    assert f"({BASE}, {CANDIDATE} (distance))" in refused.json()["error"]["message"]
