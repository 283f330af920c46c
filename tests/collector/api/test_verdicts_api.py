"""Scores, feedback and saved cohorts in and out over the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.collector.rows import trace, trace_id

if TYPE_CHECKING:
    import httpx

    from groundtrace_collector.collector import Collector

JSON = {"content-type": "application/json"}


async def _scores(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    response = await client.get("/api/v1/scores", params=params)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["scores"]
    return found


async def test_a_score_gets_the_defaults_of_the_contract_and_its_traces_project(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.insert("traces", [trace("a", Project="shop")])

    answer = await client.post(
        "/api/v1/scores", json={"scores": [{"trace_id": trace_id("a").upper(), "name": "polite", "score": 1}]}
    )

    assert answer.json() == {"accepted": 1, "rejected": []}
    (kept,) = await _scores(client)
    assert (kept["trace_id"], kept["span_id"], kept["name"]) == (trace_id("a"), None, "polite")
    assert (kept["score"], kept["label"], kept["status"]) == (1.0, None, "ok")
    assert (kept["source"], kept["evaluator"], kept["version"]) == ("api", "polite", "")
    (row,) = await collector.store.query("SELECT Project FROM scores FINAL")
    assert row["Project"] == "shop"


async def test_everything_a_score_may_say_comes_back(client: httpx.AsyncClient) -> None:
    sent = {
        "trace_id": trace_id("a"),
        "span_id": "00000000000000ab",
        "name": "groundedness",
        "score": None,
        "label": None,
        "status": "abstained",
        "explanation": "the answer declines",
        "source": "human",
        "evaluator": "jane",
        "version": "2",
        "method": "reading",
        "evidence": [{"text": "x", "supported": True}],
        "threshold": 0.4,
        "cost_usd": 0.5,
    }

    answer = await client.post("/api/v1/scores", json={"scores": [sent]})

    assert answer.json() == {"accepted": 1, "rejected": []}
    (kept,) = await _scores(client)
    assert {key: kept[key] for key in sent} == sent


async def test_the_same_key_is_replaced_by_what_came_last(client: httpx.AsyncClient) -> None:
    one = {"trace_id": trace_id("a"), "name": "polite"}
    await client.post("/api/v1/scores", json={"scores": [{**one, "score": 0.1}, {**one, "score": 0.2}]})
    await client.post("/api/v1/scores", json={"scores": [{**one, "score": 0.3}]})

    assert [each["score"] for each in await _scores(client)] == [0.3]


REJECTED = [
    ({"score": 1.5}, "score: Input should be less than or equal to 1, got 1.5"),
    ({"score": -0.1}, "score: Input should be greater than or equal to 0, got -0.1"),
    ({"score": "0.5"}, "score: Input should be a valid number"),
    ({"score": True}, "score: Input should be a valid number"),
    ({"trace_id": "abc", "score": 1}, "trace_id must be 32 hexadecimal digits, not all zero, got 'abc'"),
    ({"trace_id": None, "score": 1}, "trace_id must be 32 hexadecimal digits, not all zero, got None"),
    ({"span_id": "xyz", "score": 1}, "span_id must be 16 hexadecimal digits, not all zero, got 'xyz'"),
    ({"name": "", "score": 1}, "name: String should have at least 1 character"),
    ({}, "a score needs `score` or `label`, or a `status` that says why there is none"),
    ({"status": "ok"}, "status ok needs `score` or `label`"),
    ({"status": "skipped", "score": 0.5}, "score must be null when status is skipped, got 0.5"),
    ({"status": "great", "score": 0.5}, "status: Input should be 'ok'"),
    ({"source": "robot", "score": 0.5}, "source: Input should be 'api', 'evaluator' or 'human'"),
    ({"scroe": 0.5}, "scroe: Extra inputs are not permitted, got 0.5"),
    ("nonsense", "Input should be a valid dictionary"),
    ({"score": 1, "explanation": "\ud800"}, "holds text that is not Unicode"),
]


async def test_each_wrong_item_is_rejected_by_index_and_keeps_no_other_out(client: httpx.AsyncClient) -> None:
    good = {"trace_id": trace_id("a"), "name": "polite", "score": 0.5}
    bad = [{**good, "score": None, **item} if isinstance(item, dict) else item for item, _ in REJECTED]

    # httpx refuses to send half a surrogate pair as itself; JSON has an escape for it.
    body = json.dumps({"scores": [*bad, good]})
    answer = (await client.post("/api/v1/scores", content=body, headers=JSON)).json()

    assert answer["accepted"] == 1
    assert [each["index"] for each in answer["rejected"]] == list(range(len(REJECTED)))
    for told, (_, words) in zip(answer["rejected"], REJECTED, strict=True):
        assert words in told["message"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"name": "polite"}, ["a polite", "b polite"]),
        ({"trace_id": trace_id("b")}, ["b polite", "b groundedness"]),
        ({"source": "human"}, ["b groundedness"]),
        ({"where": "encoder = 'minilm@1'"}, ["a polite"]),
        ({"since": "1h"}, ["a polite", "b polite", "b groundedness"]),
        ({"until": "1h"}, []),
    ],
)
async def test_scores_are_filtered(
    client: httpx.AsyncClient, collector: Collector, params: dict[str, str], found: list[str]
) -> None:
    await collector.store.insert("traces", [trace("a", Encoder="minilm@1"), trace("b")])
    scores = [
        {"trace_id": trace_id("b"), "name": "groundedness", "score": 0, "source": "human"},
        {"trace_id": trace_id("b"), "name": "polite", "score": 0},
        {"trace_id": trace_id("a"), "name": "polite", "score": 0},
    ]
    await client.post("/api/v1/scores", json={"scores": scores})
    names = {trace_id(name): name for name in "ab"}

    assert [f"{names[each['trace_id']]} {each['name']}" for each in await _scores(client, **params)] == found


async def test_a_source_that_there_is_not_is_refused_with_those_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/scores", params={"source": "foo"})

    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "code": "unknown_source",
        "message": "unknown source 'foo'; there are api, evaluator, human",
    }


async def test_scores_page_newest_first(client: httpx.AsyncClient) -> None:
    scores = [{"trace_id": trace_id(str(n)), "name": "polite", "score": n / 10} for n in range(5)]
    await client.post("/api/v1/scores", json={"scores": scores})

    found: list[float] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("/api/v1/scores", params={"limit": 2, "cursor": cursor})).json()
        found += [each["score"] for each in page["scores"]]
        cursor = page["next_cursor"]

    assert found == [0.4, 0.3, 0.2, 0.1, 0.0]


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("thumbs", -1, -1.0),
        ("thumbs", 1, 1.0),
        ("escalation", True, 1.0),
        ("manual_review", 0, 0.0),
        ("failure_label", "wrong policy", "wrong policy"),
        ("stars", 4.5, 4.5),
    ],
)
async def test_feedback_is_kept_as_it_was_said(
    client: httpx.AsyncClient, name: str, value: object, kept: object
) -> None:
    sent = {"trace_id": trace_id("a"), "name": name, "value": value, "comment": "hm"}

    answer = await client.post("/api/v1/feedback", json=sent)

    assert answer.json() == {"accepted": 1, "rejected": []}
    (found,) = (await client.get("/api/v1/feedback", params={"trace_id": trace_id("a")})).json()["feedback"]
    assert (found["name"], found["value"], found["comment"]) == (name, kept, "hm")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"trace_id": trace_id("a"), "name": "thumbs", "value": 5}, "thumbs must be -1 or 1, got 5"),
        ({"trace_id": trace_id("a"), "name": "thumbs", "value": "up"}, "thumbs must be -1 or 1, got 'up'"),
        (
            {"trace_id": trace_id("a"), "name": "escalation", "value": 2},
            "escalation must be true or false, got 2",
        ),
        (
            {"trace_id": trace_id("a"), "name": "failure_label", "value": 1},
            "failure_label must be text, got 1",
        ),
        ({"trace_id": "x", "name": "thumbs", "value": 1}, "trace_id must be 32 hexadecimal digits"),
        ({"trace_id": trace_id("a"), "name": "thumbs"}, "value: Field required"),
    ],
)
async def test_wrong_feedback_is_a_400_that_says_why(
    client: httpx.AsyncClient, body: dict[str, object], words: str
) -> None:
    answer = await client.post("/api/v1/feedback", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_feedback")
    assert words in answer.json()["error"]["message"]


async def test_a_saved_cohort_filters_and_can_be_replaced_and_removed(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.insert("traces", [trace("a", User="vip"), trace("b", User="other")])
    url = "/api/v1/cohorts/saved"

    async def found() -> int:
        return int((await client.get("/api/v1/traces/count", params={"cohort": "vips"})).json()["traces"])

    saved = (await client.post(url, json={"name": "vips", "expression": "user = 'vip'"})).json()
    assert (await client.get(url)).json() == {"saved": [saved]}
    assert (saved["name"], saved["expression"], await found()) == ("vips", "user = 'vip'", 1)

    await client.post(url, json={"name": "vips", "expression": "user in ('vip', 'other')"})
    assert await found() == 2

    assert (await client.delete(f"{url}/vips")).json() == {"removed": "vips"}
    assert (await client.get(url)).json() == {"saved": []}
    assert (await client.delete(f"{url}/vips")).json()["error"]["code"] == "unknown_cohort"


async def test_a_cohort_that_does_not_compile_is_not_saved(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/cohorts/saved", json={"name": "x", "expression": "usr = 'vip'"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_where")
    assert (await client.get("/api/v1/cohorts/saved")).json() == {"saved": []}
