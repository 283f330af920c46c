"""GET /api/v1/traces, count and one: the shapes of DESIGN section 3, on a real store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from groundtrace_collector.query.page import ORDERS
from tests.collector.rows import score, trace, trace_id

if TYPE_CHECKING:
    import httpx

    from groundtrace_collector.collector import Collector


def _stored(name: str, minute: int, **columns: Any) -> dict[str, Any]:
    return trace(name, StartedAt=f"2026-11-21T10:{minute:02d}:00Z", **columns)


async def _names(client: httpx.AsyncClient, names: str, **params: Any) -> tuple[str, str | None]:
    response = await client.get("/api/v1/traces", params=params)
    assert response.status_code == 200, response.text
    by_id = {trace_id(name): name for name in names}
    body = response.json()
    return "".join(by_id[each["trace_id"]] for each in body["traces"]), body["next_cursor"]


async def test_the_newest_traces_come_first_and_a_cursor_continues(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.insert("traces", [_stored(name, minute) for minute, name in enumerate("abcde")])

    first, cursor = await _names(client, "abcde", limit=2)
    second, cursor = await _names(client, "abcde", limit=2, cursor=cursor)
    third, end = await _names(client, "abcde", limit=2, cursor=cursor)

    assert (first, second, third, end) == ("ed", "cb", "a", None)


async def test_a_cursor_neither_repeats_nor_skips_while_traces_arrive(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.insert("traces", [_stored(name, 10) for name in "abcdef"])
    whole, _ = await _names(client, "abcdef")

    first, cursor = await _names(client, "abcdef", limit=3)
    await collector.store.insert("traces", [_stored("g", 11), _stored("a", 10, Name="settled again")])
    second, end = await _names(client, "abcdef", limit=3, cursor=cursor)

    assert (first + second, end) == (whole, None)


async def test_a_trace_settled_again_is_listed_once_in_its_newest_version(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    versions = [_stored("a", minute, Encoder=f"minilm@{minute}") for minute in range(4)]
    # A late root moves the trace to another day: its versions lie in two partitions.
    moved = trace("b", StartedAt="2026-11-21T00:00:01Z"), trace("b", StartedAt="2026-11-20T23:59:59Z")
    for row in (*versions, *moved):
        await collector.store.insert("traces", [row])

    assert (await _names(client, "ab", limit=1))[0] == "a"
    assert await _names(client, "ab") == ("ab", None)
    assert (await _names(client, "ab", where="encoder = 'minilm@0'"))[0] == ""
    assert (await _names(client, "ab", since="2026-11-21T00:00:00Z"))[0] == "a"
    assert (await client.get("/api/v1/traces/count", params={"since": "2026-11-21"})).json()["traces"] == 1


@pytest.mark.parametrize(
    ("order", "expected"),
    [("cost_usd", "bca"), ("-cost_usd", "cba"), ("encoder", "cab"), ("-duration_ms", "acb")],
)
async def test_order_by_a_field_puts_nulls_last_and_pages(
    client: httpx.AsyncClient, collector: Collector, order: str, expected: str
) -> None:
    rows = [
        trace("a", CostUsd=None, Encoder="m", DurationNs=3),
        trace("b", CostUsd=0.1, Encoder="", DurationNs=1),
        trace("c", CostUsd=0.2, Encoder="c", DurationNs=2),
    ]
    await collector.store.insert("traces", rows)

    found, cursor = await _names(client, "abc", order=order, limit=1)
    while cursor:
        more, cursor = await _names(client, "abc", order=order, limit=1, cursor=cursor)
        found += more

    assert found == expected


async def test_every_order_runs(client: httpx.AsyncClient, collector: Collector) -> None:
    await collector.store.insert("traces", [trace("a"), trace("b")])

    for field in ORDERS:
        first, cursor = await _names(client, "ab", order=f"-{field}", limit=1)
        second, end = await _names(client, "ab", order=f"-{field}", limit=1, cursor=cursor)
        assert (sorted(first + second), end) == (["a", "b"], None), field


async def test_a_listed_trace_has_the_fields_of_the_contract(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    row = trace(
        "a",
        Query="why?",
        Answer="because",
        Encoder="minilm@2",
        Encoders=["minilm@1", "minilm@2"],
        TokensPrompt=12,
        CostUsd=0.25,
        Metadata={"doc_family": "billing"},
        Tags=["beta"],
        StartedAt="2026-11-21T10:00:00.123456789Z",
    )
    await collector.store.insert("traces", [row])
    await collector.store.insert(
        "scores", [score("a", Score=0.25, Explanation="no source", Evidence='[{"text": "x"}]', Threshold=0.5)]
    )

    (listed,) = (await client.get("/api/v1/traces")).json()["traces"]

    assert listed == {
        "trace_id": trace_id("a"),
        "started_at": "2026-11-21T10:00:00.123456789Z",
        "duration_ms": 1000.0,
        "name": "ask",
        "project": "app",
        "service": "shop",
        "status": "ok",
        "incomplete": False,
        "spans_count": 1,
        "session": None,
        "user": None,
        "query": "why?",
        "answer": "because",
        "encoder": "minilm@2",
        "encoders": ["minilm@1", "minilm@2"],
        "reranker": None,
        "llm_model": None,
        "prompt_version": None,
        "route": None,
        "tokens_prompt": 12,
        "tokens_completion": None,
        "tokens_cache_read": None,
        "tokens_cache_write": None,
        "tokens_reasoning": None,
        "cost_usd": 0.25,
        "metadata": {"doc_family": "billing"},
        "tags": ["beta"],
        "dataset_row": None,
        "errors": [],
        "scores": [
            {
                "name": "groundedness",
                "score": 0.25,
                "label": None,
                "status": "ok",
                "explanation": "no source",
                "evidence": [{"text": "x"}],
                "method": None,
                "threshold": 0.5,
                "cost_usd": None,
                "probability": None,
                "evaluator": "groundedness",
                "version": "1",
                "source": "evaluator",
                "trace_id": trace_id("a"),
                "span_id": None,
                "created_at": listed["scores"][0]["created_at"],
            }
        ],
    }


async def test_groundtraces_own_project_is_shown_only_when_asked_for(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.insert("traces", [trace("a"), trace("b", Project="groundtrace.internal")])

    assert (await _names(client, "ab"))[0] == "a"
    assert (await _names(client, "ab", where="project = 'groundtrace.internal'"))[0] == "b"
    counted = await client.get("/api/v1/traces/count", params={"where": "project like '%'"})
    assert counted.json() == {"traces": 2, "spans": 2}


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"where": "encodr = 'x'"}, "invalid_where", "unknown field 'encodr'; did you mean encoder?"),
        ({"since": "gestern"}, "invalid_time", "since: 'gestern' is not a time"),
        ({"since": "1h", "until": "2h"}, "invalid_time", "since (1h) must be before until (2h)"),
        ({"limit": "0"}, "invalid_limit", "limit must be from 1 to 1000, got 0"),
        ({"limit": "1001"}, "invalid_limit", "limit must be from 1 to 1000, got 1001"),
        ({"order": "size"}, "invalid_order", "cannot order by 'size'"),
        ({"cursor": "abc"}, "invalid_cursor", "'abc' is not a cursor"),
        ({"cursor": "WzFd"}, "invalid_cursor", "is not a cursor"),
        # ["-started_at", 0, 5, "\\ud800", "x"]: half of a surrogate pair, which the store's client cannot send
        ({"cursor": "WyItc3RhcnRlZF9hdCIsMCw1LCJcdWQ4MDAiLCJ4Il0"}, "invalid_cursor", "is not a cursor"),
        ({"cohort": "vip"}, "unknown_cohort", "no cohort is saved as 'vip'"),
    ],
)
async def test_a_wrong_parameter_is_a_400_that_says_what_to_do(
    client: httpx.AsyncClient, params: dict[str, str], code: str, words: str
) -> None:
    response = await client.get("/api/v1/traces", params=params)

    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert words in response.json()["error"]["message"]


async def test_a_cursor_of_another_order_is_refused(client: httpx.AsyncClient, collector: Collector) -> None:
    await collector.store.insert("traces", [trace("a"), trace("b")])
    _, cursor = await _names(client, "ab", limit=1)

    response = await client.get("/api/v1/traces", params={"cursor": cursor or "", "order": "name"})

    assert "belongs to order=-started_at, not to order=name" in response.json()["error"]["message"]


async def test_an_unknown_trace_is_a_404(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/api/v1/traces/{'0' * 31}1")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


async def test_one_trace_has_spans_documents_scores_evaluations_and_feedback(
    client: httpx.AsyncClient, collector: Collector, send: Any
) -> None:
    flat = {
        "openinference.span.kind": "RETRIEVER",
        "retrieval.documents.0.document.id": "d1",
        "retrieval.documents.0.document.content": "one",
        "retrieval.documents.0.document.score": 0.9,
        "retrieval.documents.1.document.id": "d2",
        "retrieval.documents.1.document.content": "two",
        "retrieval.documents.1.document.metadata": '{"page": 3}',
    }
    ranked = {"openinference.span.kind": "RERANKER", "reranker.output_documents.0.document.id": "d2"}
    one = trace_id("whole")
    await send(
        [
            {"trace_id": one, "span_id": "1" * 16, "name": "ask"},
            {
                "trace_id": one,
                "span_id": "2" * 16,
                "parent_span_id": "1" * 16,
                "name": "find",
                "attributes": flat,
            },
            {
                "trace_id": one,
                "span_id": "3" * 16,
                "parent_span_id": "1" * 16,
                "name": "rank",
                "attributes": ranked,
            },
        ]
    )
    await client.post(
        "/api/v1/scores", json={"scores": [{"trace_id": one, "name": "groundedness", "score": 1}]}
    )
    await client.post(
        "/api/v1/feedback", json={"trace_id": one, "name": "thumbs", "value": -1, "comment": "no"}
    )
    ledger = {
        "Evaluator": "context_relevance",
        "TraceId": one,
        "Status": "skipped",
        "Reason": "no context",
        "Seq": 1,
    }
    await collector.store.insert("ledger", [{**ledger, "Project": "default"}])

    found = (await client.get(f"/api/v1/traces/{one.upper()}")).json()

    assert {
        span["span_id"]: (span["name"], span["kind"], span["parent_span_id"]) for span in found["spans"]
    } == {
        "1" * 16: ("ask", None, None),
        "2" * 16: ("find", "RETRIEVER", "1" * 16),
        "3" * 16: ("rank", "RERANKER", "1" * 16),
    }
    documents = [
        tuple(each[k] for k in ("stage", "rank", "id", "score", "content")) for each in found["documents"]
    ]
    assert sorted(documents, key=str) == [
        ("rerank_out", 1, "d2", None, "two"),
        ("retrieved", 1, "d1", 0.9, "one"),
        ("retrieved", 2, "d2", None, "two"),
    ]
    assert [(each["name"], each["score"], each["source"]) for each in found["scores"]] == [
        ("groundedness", 1.0, "api")
    ]
    assert [(each["evaluator"], each["reason"]) for each in found["evaluations"]] == [
        ("context_relevance", "no context")
    ]
    assert [(each["name"], each["value"], each["comment"]) for each in found["feedback"]] == [
        ("thumbs", -1.0, "no")
    ]
