"""The clients, over a real socket."""

import importlib.util
import inspect
import json
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from groundtrace import (
    ApiError,
    AsyncClient,
    Client,
    ConfigError,
    ExportError,
    GroundtraceError,
    MissingExtraError,
)
from groundtrace.frames import rows
from tests.sdk.conftest import StubCollector


@pytest.fixture
def client(otlp: StubCollector) -> Any:
    with Client(otlp.url, api_key="k-1") as client:
        yield client


def answers(otlp: StubCollector, body: object, status: int = 200) -> None:
    otlp.status, otlp.answer = status, json.dumps(body).encode()


def asked(otlp: StubCollector) -> tuple[str, dict[str, list[str]]]:
    parts = urlsplit(otlp.received[-1].path)
    return parts.path, parse_qs(parts.query)


def test_traces_sends_what_was_given_and_leaves_the_rest_out(otlp: StubCollector, client: Client) -> None:
    answers(otlp, {"traces": [], "next_cursor": None})

    answer = client.traces(
        where="encoder = 'a & b@2'", since=datetime(2026, 1, 2, tzinfo=UTC), until="1h", limit=5
    )

    assert answer == {"traces": [], "next_cursor": None}
    assert asked(otlp) == (
        "/api/v1/traces",
        {
            "where": ["encoder = 'a & b@2'"],
            "since": ["2026-01-02T00:00:00+00:00"],
            "until": ["1h"],
            "limit": ["5"],
        },
    )
    assert otlp.received[-1].headers["authorization"] == "Bearer k-1"


def test_iter_traces_follows_the_cursor(otlp: StubCollector, client: Client) -> None:
    pages = iter(
        [{"traces": [{"n": 1}, {"n": 2}], "next_cursor": "c"}, {"traces": [{"n": 3}], "next_cursor": None}]
    )
    answers(otlp, next(pages))
    found = client.iter_traces(where="x = 1", page_size=2)

    assert [next(found), next(found)] == [{"n": 1}, {"n": 2}]
    answers(otlp, {"traces": [{"n": 3}], "next_cursor": None})
    assert list(found) == [{"n": 3}]
    assert asked(otlp)[1] == {"where": ["x = 1"], "limit": ["2"], "cursor": ["c"]}


@pytest.mark.parametrize(
    ("call", "path", "query"),
    [
        pytest.param(lambda c: c.trace("a/b"), "/api/v1/traces/a%2Fb", {}, id="trace"),
        pytest.param(lambda c: c.count(since="24h"), "/api/v1/traces/count", {"since": ["24h"]}, id="count"),
        pytest.param(
            lambda c: c.cohorts(by="metadata.doc_family", metrics=["traces", "p99_ms:LLM"]),
            "/api/v1/cohorts",
            {"by": ["metadata.doc_family"], "metrics": ["traces,p99_ms:LLM"]},
            id="cohorts",
        ),
        pytest.param(
            lambda c: c.compare(by="encoder", base="a", candidate="b", cohort="metadata.f", metrics=["mrr"]),
            "/api/v1/compare",
            {
                "by": ["encoder"],
                "base": ["a"],
                "candidate": ["b"],
                "cohort": ["metadata.f"],
                "metrics": ["mrr"],
            },
            id="compare",
        ),
        pytest.param(
            lambda c: c.scores(name="groundedness"), "/api/v1/scores", {"name": ["groundedness"]}, id="scores"
        ),
        pytest.param(lambda c: c.saved_cohorts(), "/api/v1/cohorts/saved", {}, id="saved-cohorts"),
        pytest.param(
            lambda c: c.get("/api/v1/jobs", {"state": "active", "limit": None}),
            "/api/v1/jobs",
            {"state": ["active"]},
            id="get",
        ),
    ],
)
def test_reads_ask_the_right_place(
    otlp: StubCollector, client: Client, call: Any, path: str, query: dict[str, list[str]]
) -> None:
    answers(otlp, {})

    call(client)

    assert asked(otlp) == (path, query)


@pytest.mark.parametrize(
    ("call", "path", "body"),
    [
        pytest.param(
            lambda c: c.add_scores([{"trace_id": "t", "name": "n", "score": 1.0}]),
            "/api/v1/scores",
            {"scores": [{"trace_id": "t", "name": "n", "score": 1.0}]},
            id="scores",
        ),
        pytest.param(
            lambda c: c.feedback("t", "thumbs", -1, "wrong"),
            "/api/v1/feedback",
            {"trace_id": "t", "name": "thumbs", "value": -1, "comment": "wrong"},
            id="feedback",
        ),
        pytest.param(
            lambda c: c.save_cohort("german", "metadata.language = 'de'"),
            "/api/v1/cohorts/saved",
            {"name": "german", "expression": "metadata.language = 'de'"},
            id="cohort",
        ),
        pytest.param(lambda c: c.sql("SELECT 1"), "/api/v1/sql", {"sql": "SELECT 1"}, id="sql"),
    ],
)
def test_writes_post_json(otlp: StubCollector, client: Client, call: Any, path: str, body: object) -> None:
    answers(otlp, {})

    call(client)

    assert otlp.received[-1].path == path
    assert json.loads(otlp.received[-1].body) == body


def test_a_refusal_carries_the_apis_own_words(otlp: StubCollector, client: Client) -> None:
    answers(otlp, {"error": {"code": "bad_where", "message": "unknown field 'encodr' at 1"}}, status=400)

    with pytest.raises(ApiError) as error:
        client.traces(where="encodr = 1")

    assert (error.value.status, error.value.code) == (400, "bad_where")
    assert str(error.value) == "unknown field 'encodr' at 1 (bad_where, HTTP 400)"


@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_of_something_else_says_so(otlp: StubCollector, client: Client, status: int) -> None:
    otlp.status, otlp.answer = status, b"<html>nginx</html>"

    with pytest.raises(ApiError, match="does not answer as a groundtrace collector: <html>nginx"):
        client.count()


def test_no_collector_is_one_line_that_says_what_to_do() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ExportError) as error:
        client.count()

    assert str(error.value) == (
        "no collector answers at http://127.0.0.1:9 ([Errno 111] Connection refused). "
        "Start one with `groundtrace serve`, or name another with GROUNDTRACE_URL"
    )


def test_url_and_key_come_from_the_environment(otlp: StubCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDTRACE_URL", otlp.url + "/")
    monkeypatch.setenv("GROUNDTRACE_API_KEY", "k-2")
    answers(otlp, {"traces": 1})

    with Client() as client:
        assert client.count() == {"traces": 1}

    assert otlp.received[-1].headers["authorization"] == "Bearer k-2"


def test_a_proxy_is_not_asked_for_this_machine(otlp: StubCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    answers(otlp, {"traces": 1})

    with Client(otlp.url) as client:
        assert client.count() == {"traces": 1}


def test_a_wrong_url_is_an_error_at_once() -> None:
    with pytest.raises(ConfigError, match="url must be an http:// or https:// URL, got 'localhost'"):
        Client("localhost")


@pytest.mark.parametrize("key", ["gt_schlüssel", "gt_a\nb"], ids=["not ASCII", "two lines"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError, match="the API key") as caught:
        Client("http://127.0.0.1:9", api_key=key)
    assert "gt_" not in str(caught.value)


async def test_the_async_client_does_the_same(otlp: StubCollector) -> None:
    answers(otlp, {"traces": [{"n": 1}], "next_cursor": None})

    async with AsyncClient(otlp.url) as client:
        assert [trace async for trace in client.iter_traces()] == [{"n": 1}]
        answers(otlp, {"error": {"code": "not_found", "message": "no such trace"}}, status=404)
        with pytest.raises(ApiError, match="no such trace"):
            await client.trace("t")


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)


def test_every_httpx_exception_is_one_we_translate() -> None:
    mapped = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)
    # Cookies are not ours to have; the rest must be covered.
    raised = [
        value
        for name, value in vars(httpx).items()
        if isinstance(value, type) and issubclass(value, Exception) and name != "CookieConflict"
    ]

    assert [error for error in raised if not issubclass(error, mapped)] == []


METRIC = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 30}


@pytest.mark.parametrize(
    ("result", "table"),
    [
        pytest.param({"traces": [{"a": 1}], "next_cursor": None}, [{"a": 1}], id="traces"),
        pytest.param([{"a": 1}], [{"a": 1}], id="rows"),
        pytest.param({"columns": ["a", "b"], "rows": [[1, 2]]}, [{"a": 1, "b": 2}], id="sql"),
        pytest.param(
            {"by": "f", "cohorts": [{"key": "x", "metrics": {"mrr": METRIC}}]},
            [{"key": "x", "mrr": 0.5, "mrr.low": 0.4, "mrr.high": 0.6, "mrr.n": 30}],
            id="cohorts",
        ),
    ],
)
def test_answers_become_rows(result: Any, table: list[dict[str, object]]) -> None:
    assert rows(result) == table


def test_a_comparison_has_a_row_for_each_cohort_and_metric() -> None:
    judged = {"paired": True, "wins": 20, "losses": 4, "ties": 1, "detectable": 0.02, "verdict": "better"}
    part = {"base": METRIC, "candidate": METRIC, "difference": None, **judged}

    (row,) = rows(
        {"by": "e", "base": "a", "candidate": "b", "cohorts": [{"key": "*", "metrics": {"mrr": part}}]}
    )

    assert row["key"] == "*"
    assert row["metric"] == "mrr"
    assert row["candidate"] == 0.5
    assert row["difference"] is None
    assert {name: row[name] for name in judged} == judged


def test_what_holds_no_table_is_an_error() -> None:
    with pytest.raises(GroundtraceError, match="holds no table; its keys are accepted"):
        rows({"accepted": 1})


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
def test_rows_become_a_frame(client: Client) -> None:
    frame = client.to_pandas({"traces": [{"a": 1}, {"a": 2}]})

    assert list(frame["a"]) == [1, 2]


def test_without_pandas_the_message_says_what_to_install(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(MissingExtraError, match=r"pandas is not installed\. Run: pip install pandas"):
        client.to_pandas({"traces": []})
