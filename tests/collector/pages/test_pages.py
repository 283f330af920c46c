"""The pages as a browser gets them: through the real application, on a real store."""

import re
from typing import Any

import httpx
import pytest

from groundtrace_collector.access.key import Role
from groundtrace_collector.collector import Collector
from groundtrace_collector.store.migrate import migration_names
from groundtrace_collector.store.store import Store
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id
from tests.collector.pages.markup import table_rows
from tests.collector.pages.rag import UNSUPPORTED, ledger_row, rag_spans

PAGES = ("/", "/cohorts", "/compare", "/evaluations", "/encoders", "/datasets", "/sql", "/settings", "/docs")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_answers_without_parameters_on_an_empty_store(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text.count("<h1") == 1


@pytest.mark.parametrize("path", [*PAGES, "/traces/none", "/static/none"])
async def test_a_page_may_run_nothing_and_is_kept_by_no_cache(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_asks_for_nothing_from_elsewhere(
    client: httpx.AsyncClient, traced: str, path: str
) -> None:
    html = (await client.get(path)).text + (await client.get(f"/traces/{traced}")).text

    assert "<script" not in html
    assert " style=" not in html
    assert not re.search(r'(?:src|href|action)="(?!/|#)', html)


async def test_a_static_file_is_kept_for_a_year_under_its_hash(client: httpx.AsyncClient) -> None:
    html = (await client.get("/")).text
    url = re.search(r'rel="stylesheet" href="([^"]+)"', html)
    assert url is not None

    response = await client.get(url[1])

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/css")
    assert "immutable" in response.headers["cache-control"]
    assert (await client.get("/static/groundtrace.css?v=old")).headers["cache-control"] == "no-cache"


async def test_a_static_file_that_the_browser_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/static/groundtrace.css")).headers["etag"]

    response = await client.get("/static/groundtrace.css", headers={"if-none-match": tag})

    assert response.status_code == 304
    assert response.content == b""


async def test_a_favicon_is_served(client: httpx.AsyncClient) -> None:
    response = await client.get("/favicon.ico")

    assert response.status_code == 200
    assert response.headers["content-type"] == "image/svg+xml"


async def test_an_unknown_trace_is_a_page_that_says_so(client: httpx.AsyncClient) -> None:
    response = await client.get("/traces/<b>nope")

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "No trace &lt;b&gt;nope is stored" in response.text


async def test_an_empty_list_shows_the_line_that_sends_the_first_trace(client: httpx.AsyncClient) -> None:
    html = (await client.get("/")).text

    assert 'groundtrace.instrument(endpoint="http://127.0.0.1:4318")' in html


async def test_a_project_without_traces_shows_its_reader_how_to_send_the_first(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    _, token = await collector.keys.create(name="new team", role=Role.READ, project="new")
    headers = {"authorization": f"Bearer {token}"}

    html = (await client.get("/", headers=headers)).text
    filtered = (await client.get("/?since=24h", headers=headers)).text

    assert "groundtrace.instrument(" in html
    assert ">Clear<" not in html
    assert "No trace matches." in filtered


async def test_the_list_shows_what_a_trace_is_about(client: httpx.AsyncClient, traced: str) -> None:
    html = (await client.get("/")).text

    assert "1 trace · 5 spans" in html
    assert f'href="/traces/{traced}"' in html
    for text in (
        "How long does a refund take?",
        "Refunds are paid",
        "minilm@2",
        "bm25",
        "extractive",
        "shop",
    ):
        assert text in html
    assert "120 ms" in html
    assert "853 tok" in html
    assert "$0.0012" in html


@pytest.mark.usefixtures("traced")
async def test_a_failed_score_says_so_in_words(client: httpx.AsyncClient) -> None:
    html = (await client.get("/")).text

    assert re.search(r"Groundedness <b>0\.31</b> <b>fail</b>", html)
    assert re.search(r"Context relevance <b>0\.83</b></span>", html)


@pytest.mark.parametrize(
    ("scores", "chip", "expression"),
    [
        pytest.param(
            [{"score": 0.9, "version": "1.10"}, {"score": 0.1, "version": "1.9"}],
            "Groundedness <b>0.90</b></span>",
            "score.groundedness = 0.9",
            id="newer version given first",
        ),
        pytest.param(
            [
                {"score": score, "version": version, "span_id": "1" * 16}
                for score, version in ((0, "1"), (1, "2"))
            ],
            "Groundedness <b>1.00</b></span>",
            "score.groundedness = 1",
            id="span scored by two versions",
        ),
    ],
)
async def test_the_list_shows_the_score_that_an_expression_finds(
    client: httpx.AsyncClient,
    send: Send,
    new_trace: str,
    scores: list[dict[str, Any]],
    chip: str,
    expression: str,
) -> None:
    await send([{"trace_id": new_trace}])
    sent = [{"trace_id": new_trace, "name": "groundedness", "source": "evaluator", **each} for each in scores]
    assert (await client.post("/api/v1/scores", json={"scores": sent})).json()["accepted"] == len(sent)

    html = (await client.get("/", params={"where": expression})).text

    assert chip in html


@pytest.mark.parametrize(
    ("score", "says"),
    [
        pytest.param({"score": 0.2, "label": "partial"}, "fail", id="other label, low score"),
        pytest.param({"score": 0.8, "label": "partial"}, "pass", id="other label, high score"),
        pytest.param({"score": 0.2, "label": "pass"}, "pass", id="label pass, low score"),
        pytest.param({"score": 0.8, "label": "fail"}, "fail", id="label fail, high score"),
    ],
)
async def test_a_trace_fails_on_its_page_as_it_counts_in_the_fail_rate(
    client: httpx.AsyncClient, send: Send, new_trace: str, score: dict[str, Any], says: str
) -> None:
    await send([{"trace_id": new_trace}])
    sent = {"trace_id": new_trace, "name": "groundedness", **score}
    assert (await client.post("/api/v1/scores", json={"scores": [sent]})).json()["accepted"] == 1

    html = (await client.get(f"/traces/{new_trace}")).text
    asked = {"by": "service", "metrics": "fail_rate:groundedness"}
    (cohort,) = (await client.get("/api/v1/cohorts", params=asked)).json()["cohorts"]

    assert f"</span> {says}</span>" in html[html.index('aria-label="Groundedness"') :]
    assert cohort["metrics"]["fail_rate:groundedness"]["value"] == (says == "fail")


async def test_a_trace_without_its_root_is_marked_incomplete(client: httpx.AsyncClient, send: Send) -> None:
    await send(rag_spans(new_trace_id())[1:])

    assert '<span class="tag warn"' in (await client.get("/")).text


@pytest.mark.usefixtures("traced")
async def test_a_wrong_where_expression_is_told_beside_the_form(client: httpx.AsyncClient) -> None:
    response = await client.get("/", params={"where": "encodr = 'x'"})

    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.text
    problem = re.search(r'id="where-problem" role="alert">([^<]+)<', response.text)
    assert problem is not None
    assert "encodr" in problem[1]
    assert "position 1" in problem[1]
    assert 'value="encodr = &#39;x&#39;"' in response.text


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"since": "yesterday"}, id="since"),
        pytest.param({"order": "colour"}, id="order"),
        pytest.param({"cursor": "%%%"}, id="cursor"),
        pytest.param({"cohort": "none"}, id="cohort"),
    ],
)
async def test_other_wrong_filters_are_told_on_the_page(
    client: httpx.AsyncClient, parameters: dict[str, str]
) -> None:
    response = await client.get("/", params=parameters)

    assert response.status_code == 400
    assert 'class="notice" role="alert"' in response.text


async def test_the_list_is_narrowed_by_project_and_expression(client: httpx.AsyncClient, send: Send) -> None:
    ours, theirs = new_trace_id(), new_trace_id()
    await send(rag_spans(ours), resource={"openinference.project.name": "ours"})
    await send(rag_spans(theirs, encoder="3"), resource={"openinference.project.name": "theirs"})

    by_project = (await client.get("/", params={"project": "ours"})).text
    by_both = (await client.get("/", params={"project": "ours", "where": "encoder = 'minilm@3'"})).text

    assert ours in by_project
    assert theirs not in by_project
    assert "No trace matches" in by_both


async def test_the_json_link_of_a_narrowed_list_gives_the_same_traces(
    client: httpx.AsyncClient, send: Send
) -> None:
    ours = new_trace_id()
    await send(rag_spans(ours), resource={"openinference.project.name": r"it's \new"})
    await send(rag_spans(new_trace_id()), resource={"openinference.project.name": "theirs"})
    html = (
        await client.get("/", params={"project": r"it's \new", "where": "status = 'ok' or kind = 'LLM'"})
    ).text
    url = re.search(r'<a href="(/api/v1/traces[^"]*)">', html)
    assert url is not None

    listed = (await client.get(url[1].replace("&amp;", "&"))).json()["traces"]

    assert [trace["trace_id"] for trace in listed] == [ours]


async def test_a_long_list_goes_on_behind_its_cursor(client: httpx.AsyncClient, send: Send) -> None:
    ids = [new_trace_id() for _ in range(60)]
    await send([{"trace_id": trace_id, "name": "step"} for trace_id in ids])
    first = (await client.get("/")).text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None

    second = (await client.get(following[1].replace("&amp;", "&"))).text

    seen = re.findall(r'href="/traces/([0-9a-f]{32})"', first + second)
    assert sorted(seen) == sorted(ids)
    assert "End of the list" in second
    assert "First page" in second


async def test_the_trace_page_shows_query_answer_and_ids(client: httpx.AsyncClient, traced: str) -> None:
    html = (await client.get(f"/traces/{traced.upper()}")).text

    for text in ("How long does a refund take?", "Refunds are paid within ten days.", "session-7", "user-9"):
        assert text in html
    assert "metadata.doc_family" in html
    assert "812 in · 41 out" in html
    assert f'href="/api/v1/traces/{traced}"' in html


async def test_the_ranking_shows_what_the_reranker_moved(client: httpx.AsyncClient, traced: str) -> None:
    rows = table_rows((await client.get(f"/traces/{traced}")).text, "documents-title")

    assert [row[:3] for row in rows] == [
        [
            "1",
            "3 ▲ up 2",
            "policy-3 gold What policy-3 says about refunds. What policy-3 says about refunds.",
        ],
        ["2", "1 ▼ down 1", "policy-1 What policy-1 says about refunds. What policy-1 says about refunds."],
        ["3", "4 ▲ up 1", "policy-4 What policy-4 says about refunds. What policy-4 says about refunds."],
        [
            "left out ✕",
            "2 left out",
            "policy-2 What policy-2 says about refunds. What policy-2 says about refunds.",
        ],
    ]
    assert [row[3:] for row in rows] == [
        ["0.700", "12.5"],
        ["0.900", "7.25"],
        ["0.600", "1.50"],
        ["0.800", "—"],
    ]


async def test_an_unsupported_sentence_is_marked_in_the_answer(
    client: httpx.AsyncClient, traced: str
) -> None:
    html = (await client.get(f"/traces/{traced}")).text

    marked = re.search(r"<mark title=\"([^\"]*)\">(.*?)</mark>", html)
    assert marked is not None
    assert UNSUPPORTED in marked[2]
    assert "voucher" in marked[1]


async def test_a_score_that_is_missing_says_why(client: httpx.AsyncClient, traced: str) -> None:
    html = (await client.get(f"/traces/{traced}")).text

    card = html[html.index('aria-label="Hallucination score"') :]
    assert "abstained" in card
    assert "The answer declines to answer." in card


async def test_the_ledger_explains_an_evaluation_without_a_score(
    client: httpx.AsyncClient, store: Store, traced: str
) -> None:
    await store.insert("ledger", [ledger_row(traced, store.next_seq())])

    html = (await client.get(f"/traces/{traced}")).text

    card = html[html.index('aria-label="Answer relevance"') :]
    assert "skipped" in card
    assert "the case has no expected answer" in card


async def test_the_waterfall_has_every_span_with_its_attributes_and_events(
    client: httpx.AsyncClient, traced: str
) -> None:
    html = (await client.get(f"/traces/{traced}")).text

    assert len(re.findall(r'<li id="span-[0-9a-f]{16}">', html)) == 5
    assert "llm.token_count.prompt" in html
    assert "first token" in html
    assert '<rect x="33.33%" width="58.33%"' in html


async def test_feedback_is_on_the_trace_page(client: httpx.AsyncClient, traced: str) -> None:
    html = (await client.get(f"/traces/{traced}")).text

    assert "thumbs down" in html
    assert "There is no voucher." in html


async def test_of_what_was_said_before_and_after_its_trace_came_the_newer_is_shown(
    client: httpx.AsyncClient, send: Send, new_trace: str
) -> None:
    for value in (-1, 1):
        given = {"trace_id": new_trace, "name": "thumbs", "value": value}
        assert (await client.post("/api/v1/feedback", json=given)).status_code == 200
        await send([{"trace_id": new_trace}])

    (said,) = (await client.get(f"/api/v1/traces/{new_trace}")).json()["feedback"]

    assert said["value"] == 1
    found = await client.get("/api/v1/traces/count", params={"where": "feedback.thumbs = 1"})
    assert found.json()["traces"] == 1


async def test_a_trace_that_nothing_evaluated_says_how_to_begin(
    client: httpx.AsyncClient, send: Send, new_trace: str
) -> None:
    await send([{"trace_id": new_trace}])

    html = (await client.get(f"/traces/{new_trace}")).text

    assert "groundtrace jobs add" in html
    assert "This trace has no answer." in html


async def test_the_evaluations_page_shows_jobs_ledger_and_scores(
    client: httpx.AsyncClient, store: Store, traced: str
) -> None:
    job = {"name": "quality", "evaluators": ["groundedness"], "where": "encoder = 'minilm@2'", "every": "1m"}
    assert (await client.post("/api/v1/jobs", json=job)).status_code == 200
    await store.insert("ledger", [ledger_row(traced, store.next_seq())])

    html = (await client.get("/evaluations")).text

    assert table_rows(html, "jobs-title")[0][:5] == [
        "quality active",
        "Groundedness",
        "encoder = 'minilm@2'",
        "1m",
        "0",
    ]
    assert table_rows(html, "ledger-title")[0][:6] == [
        "Answer relevance",
        "1",
        "skipped",
        "the case has no expected answer",
        "1",
        "1",
    ]
    assert {row[0] for row in table_rows(html, "recent-title")} >= {"Groundedness", "Context relevance"}


async def test_the_settings_page_tells_the_store_and_the_retention(client: httpx.AsyncClient) -> None:
    html = (await client.get("/settings")).text

    assert "chdb:///" in html
    assert "30 days" in html
    assert "http://127.0.0.1:4318/v1/traces" in html
    assert migration_names()[-1] in html


async def test_a_number_that_is_none_in_an_address_is_told_in_words(client: httpx.AsyncClient) -> None:
    response = await client.get("/datasets/golden", params={"version": "newest"})

    assert response.status_code == 400
    assert "version: Input should be a valid integer" in response.text


async def test_a_failure_inside_a_page_is_a_page_and_a_log_entry(
    client: httpx.AsyncClient, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store.command("RENAME TABLE traces TO traces_gone")

    response = await client.get("/")
    await store.command("RENAME TABLE traces_gone TO traces")

    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "page / failed" in caplog.text
