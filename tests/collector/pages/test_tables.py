"""The pages that compare: cohorts, base against candidate, encoders."""

import html as html_module
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from groundtrace_collector.store.store import Store
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id
from tests.collector.pages.markup import parsed, table_rows
from tests.collector.pages.rag import rag_spans
from tests.collector.rows import trace
from tests.collector.rows import trace_id as id_of

BY_ENCODER = {"by": "encoder", "base": "minilm@1", "candidate": "minilm@2"}


@pytest.fixture
async def encoders(send: Send, client: httpx.AsyncClient) -> None:
    """25 questions to each of two encoders; those to the second are scored clearly better."""
    scores = []
    for encoder, base in (("1", 0.2), ("2", 0.8)):
        ids = [new_trace_id() for _ in range(25)]
        spans = []
        for number, trace_id in enumerate(ids):
            asked = rag_spans(trace_id, encoder=encoder)
            asked[0]["attributes"]["input.value"] = f"Question {number}?"
            spans += asked
            scores.append({"trace_id": trace_id, "name": "context_relevance", "score": base + number / 200})
        await send(spans)
    assert (await client.post("/api/v1/scores", json={"scores": scores})).json()["accepted"] == 50


@pytest.mark.usefixtures("encoders")
async def test_cohorts_show_value_interval_and_n(client: httpx.AsyncClient) -> None:
    asked = {"by": "encoder", "metrics": "traces, score:context_relevance, recall@5"}

    html = (await client.get("/cohorts", params=asked)).text

    rows = {row[0]: row[1:] for row in table_rows(html, "content")}
    assert rows["minilm@1"] == ["25", "0.260 0.245 to 0.275 · n 25", "1.000 0.854 to 1.000 · n 25"]
    assert rows["minilm@2"][1].startswith("0.860 ")


@pytest.mark.usefixtures("encoders")
async def test_an_interval_of_which_one_end_is_known_says_so(client: httpx.AsyncClient) -> None:
    html = (await client.get("/cohorts", params={"by": "encoder", "metrics": "traces, p99_ms"})).text

    rows = {row[0]: row[1:] for row in table_rows(html, "content")}
    assert rows["minilm@1"] == ["25", "120 ms 120 ms or more · n 25"]


@pytest.mark.usefixtures("encoders")
async def test_a_cohort_too_small_to_judge_says_so_and_what_it_found(client: httpx.AsyncClient) -> None:
    asked = {"by": "encoder", "metrics": "traces, error_rate, score:groundedness"}
    asked["where"] = "score.context_relevance < 0.23"

    html = (await client.get("/cohorts", params=asked)).text

    assert table_rows(html, "content") == [
        ["minilm@1", "6", "insufficient data 0.0 % (0.0 % to 39.0 %) n 6", "insufficient data n 0"]
    ]


@pytest.mark.usefixtures("encoders")
async def test_a_cohort_leads_to_its_traces(client: httpx.AsyncClient) -> None:
    asked = {"by": "encoder", "metrics": "traces", "where": "duration_ms > 1 or status = 'error'"}
    html = (await client.get("/cohorts", params=asked)).text
    link = re.search(r'href="(/\?where=[^"]*)"><bdi>minilm@1<', html)
    assert link is not None

    listed = (await client.get(link[1].replace("&amp;", "&"))).text

    assert "25 traces" in listed


async def test_frameworks_bookkeeping_is_not_offered_as_a_dimension_and_may_be_asked_by(
    client: httpx.AsyncClient, send: Send, new_trace: str
) -> None:
    spans = rag_spans(new_trace)
    spans[2]["attributes"]["metadata"] = (
        '{"ls_retriever_name": "passage", "langgraph_step": 3, "shelf": "law"}'
    )
    await send(spans)

    html = (await client.get("/cohorts", params={"by": "metadata.ls_retriever_name"})).text

    offered = re.findall(r'<option value="metadata\.([^"]*)"', html)
    assert set(offered) == {"doc_family", "shelf"}
    assert [row[0] for row in table_rows(html, "content")] == ["passage"]


@pytest.mark.usefixtures("encoders")
@pytest.mark.parametrize(
    ("by", "heading", "found"),
    [
        pytest.param("encoder,query_length", "minilm@1 · 1-20", "", id="a part that no expression finds"),
        pytest.param("encoder,language", "minilm@1 · (none)", "25 traces", id="a part without a value"),
        pytest.param("day", "20", " traces", id="a day"),
        pytest.param("hour", "", "", id="an hour"),
    ],
)
async def test_cohorts_of_derived_dimensions_lead_to_their_traces_where_an_expression_finds_them(
    client: httpx.AsyncClient, by: str, heading: str, found: str
) -> None:
    html = (await client.get("/cohorts", params={"by": by, "metrics": "traces"})).text

    rows = [row[0] for row in table_rows(html, "content")]
    assert any(row.startswith(heading) for row in rows), rows
    link = re.search(r'href="(/\?where=[^"]*)"><bdi>' + re.escape(heading), html)
    assert (link is not None) is bool(found)
    if link is not None:
        assert found in (await client.get(link[1].replace("&amp;", "&"))).text


@pytest.mark.parametrize("path", ["/cohorts", "/compare"])
@pytest.mark.parametrize(
    ("parameters", "words", "beside"),
    [
        pytest.param({"where": "encodr = 1"}, "encodr", 'id="where-problem"', id="where"),
        pytest.param({"metrics": "recal@5"}, "recal@5", 'class="notice"', id="metric"),
        pytest.param({"by": "colour"}, "colour", 'class="notice"', id="dimension"),
        pytest.param({"since": "yesterday"}, "yesterday", 'class="notice"', id="time"),
    ],
)
async def test_a_wrong_question_is_told_on_the_page(
    client: httpx.AsyncClient, path: str, parameters: dict[str, str], words: str, beside: str
) -> None:
    response = await client.get(path, params=BY_ENCODER | parameters)

    assert response.status_code == 400
    problem = response.text[response.text.index(beside) :]
    assert words in problem[: problem.index("</p>")]


async def test_a_comparison_needs_both_sides(client: httpx.AsyncClient) -> None:
    response = await client.get("/compare", params={"base": "minilm@1"})

    assert response.status_code == 400
    assert "Name both a base and a candidate." in response.text


@pytest.mark.usefixtures("encoders")
async def test_a_comparison_gives_its_verdict_in_words(client: httpx.AsyncClient) -> None:
    asked = BY_ENCODER | {"cohort": "metadata.doc_family", "metrics": "score:context_relevance, p99_ms"}

    html = (await client.get("/compare", params=asked)).text

    whole = table_rows(html, "content")[0]
    assert whole[0] == "All traces"
    assert re.fullmatch(r"\+0\.600 better \+0\.\d+ to \+0\.\d+ 0\.260 → 0\.860 · 25 pairs won 25", whole[1])
    assert whole[2].startswith("insufficient data 120 ms → 120 ms")
    assert "billing" in html


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(BY_ENCODER | {"where": "status = 'ok' or kind = 'LLM'"}, id="encoders"),
        pytest.param({"by": "window", "base": "14d/7d", "candidate": "7d/"}, id="windows"),
    ],
)
async def test_a_compared_cohort_leads_to_the_traces_of_its_two_sides(
    client: httpx.AsyncClient, store: Store, asked: dict[str, str]
) -> None:
    now = datetime.now(UTC)
    rows = [
        trace(
            f"{family}{encoder}",
            Encoder=encoder,
            Metadata={"family": family},
            StartedAt=(now - timedelta(days=days)).isoformat(),
        )
        for family in ("billing", "legal")
        for encoder, days in (("minilm@1", 10), ("minilm@2", 1), ("minilm@3", 20))
    ]
    await store.insert("traces", rows)
    html = (
        await client.get("/compare", params=asked | {"metrics": "traces", "cohort": "metadata.family"})
    ).text
    link = re.search(r'href="(/\?where=[^"]*)"><bdi>billing<', html)
    assert link is not None

    listed = (await client.get(html_module.unescape(link[1]))).text

    found = {
        name for name in ("billing", "legal") for each in "123" if id_of(f"{name}minilm@{each}") in listed
    }
    assert "2 traces" in listed
    assert found == {"billing"}
    assert id_of("billingminilm@3") not in listed


async def test_a_family_called_by_a_star_is_not_all_traces(client: httpx.AsyncClient, send: Send) -> None:
    for encoder in ("1", "2"):
        asked = rag_spans(new_trace_id(), encoder=encoder)
        asked[0]["attributes"]["metadata"] = '{"doc_family": "*"}'
        await send(asked)

    html = (
        await client.get(
            "/compare", params=BY_ENCODER | {"cohort": "metadata.doc_family", "metrics": "error_rate"}
        )
    ).text

    assert html.count(">All traces</th>") == 1
    assert "<bdi>*</bdi>" in html


@pytest.mark.usefixtures("encoders")
async def test_a_comparison_without_a_difference_says_what_it_could_have_seen(
    client: httpx.AsyncClient,
) -> None:
    asked = BY_ENCODER | {"metrics": "error_rate, churn@5"}

    html = (await client.get("/compare", params=asked)).text

    whole = table_rows(html, "content")[0]
    assert re.fullmatch(
        r"0.0 pp no difference −\d+\.\d pp to \+\d+\.\d pp 0.0 % → 0.0 % · 25 pairs tied 25 detects \d+\.\d pp or more",  # noqa: RUF001 - a minus sign
        whole[1],
    )
    assert whole[2] == "0.000 0.000 to 0.602 25 pairs"
    assert "“mix”" not in html


@pytest.mark.usefixtures("encoders")
@pytest.mark.parametrize(
    ("path", "asked", "says"),
    [
        ("/cohorts", {"by": "metadata.famly", "metrics": "traces"}, "no trace here has metadata.famly"),
        ("/cohorts", {"metrics": "traces, score:polite"}, "no trace here has what score:polite is made of"),
        ("/compare", BY_ENCODER | {"candidate": "minilm@9"}, "no trace here has encoder &#39;minilm@9&#39;"),
    ],
)
async def test_what_no_trace_has_is_said_and_nothing_else(
    client: httpx.AsyncClient, path: str, asked: dict[str, str], says: str
) -> None:
    wrong = (await client.get(path, params=asked)).text
    right = (await client.get(path, params=BY_ENCODER | {"metrics": "traces"})).text

    assert says in wrong
    assert "no trace here has" not in right


@pytest.mark.usefixtures("encoders")
async def test_a_comparison_that_goes_on_offers_the_one_of_the_traces_until_now(
    client: httpx.AsyncClient,
) -> None:
    asked = BY_ENCODER | {"metrics": "error_rate"}
    going_on = (await client.get("/compare", params=asked)).text
    link = re.search(r'<a href="(/compare\?[^"]*until=[^"]*)">', going_on)
    assert link is not None

    closed = (await client.get(link[1].replace("&amp;", "&"))).text

    assert "valid however often you look" in going_on
    assert "for one look at the traces that started before 20" in closed
    assert "before 20" in (await client.get("/compare", params=asked | {"until": "0s"})).text
    assert '<input type="hidden" name="until" value="20' in closed
    width = [
        float(re.search(r" to \+(\d+\.\d) pp", table_rows(html, "content")[0][1])[1])  # type: ignore[index]
        for html in (closed, going_on)
    ]
    assert width[0] < width[1]


async def test_the_whole_says_what_other_traffic_made_of_the_difference(
    client: httpx.AsyncClient, send: Send
) -> None:
    sent = []
    for encoder, families in (("1", "a" * 20 + "b" * 4), ("2", "a" * 4 + "b" * 20)):
        for number, family in enumerate(families):
            spans = rag_spans(new_trace_id(), encoder=encoder)
            spans[0]["attributes"]["metadata"] = f'{{"family": "{family}"}}'
            spans[0]["attributes"]["input.value"] = f"Question {number} to {encoder}?"
            spans[4]["attributes"]["llm.token_count.prompt"] = {"a": 100, "b": 400}[family]
            sent += spans
    await send(sent)
    asked = BY_ENCODER | {"cohort": "metadata.family", "metrics": "tokens_prompt"}

    html = (await client.get("/compare", params=asked)).text

    assert "150 → 350 · 24 and 24 traces quality 0, mix +200" in table_rows(html, "content")[0][1]
    assert html.count("mix +") == 1
    assert "“mix” what other traffic made of it" in html


@pytest.mark.usefixtures("encoders")
async def test_too_few_traces_are_insufficient_data(client: httpx.AsyncClient) -> None:
    asked = BY_ENCODER | {"metrics": "score:context_relevance", "where": "query = 'Question 1?'"}

    html = (await client.get("/compare", params=asked)).text

    assert table_rows(html, "content")[0][1].startswith("insufficient data 0.205 → 0.805")


@pytest.mark.usefixtures("encoders")
async def test_the_form_without_sides_offers_the_latest_encoders(client: httpx.AsyncClient) -> None:
    html = (await client.get("/compare")).text

    link = re.search(r'<a href="(/compare\?[^"]*)">minilm@2 against minilm@1</a>', html)
    assert link is not None
    assert (await client.get(link[1].replace("&amp;", "&"))).status_code == 200


@pytest.mark.usefixtures("encoders")
async def test_encoders_are_listed_with_traces_and_relevance(client: httpx.AsyncClient) -> None:
    html = (await client.get("/encoders")).text

    rows = table_rows(html, "content")
    assert [row[:2] for row in rows] == [["minilm@2", "25"], ["minilm@1", "25"]]
    assert "0.860" in rows[0][5]
    assert "Compare the two latest" in html


@pytest.mark.usefixtures("encoders")
async def test_an_encoder_leads_to_its_card_and_its_traces(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/encoders")).text
    card = (await client.get("/encoders/minilm%402", params={"by": "project"})).text

    assert '<a href="/encoders/minilm%402"><bdi>minilm@2<' in listed
    assert [row[:2] for row in table_rows(card, "cohorts-title")] == [["all", "25"], ["default", "25"]]
    assert "None was found" in card
    compared = re.search(r'href="(/compare[^"]*)">Compare with <bdi>minilm@1<', card)
    assert compared is not None
    assert (await client.get(compared[1].replace("&amp;", "&"))).status_code == 200


async def test_an_encoder_named_by_a_windows_path_has_a_card(
    client: httpx.AsyncClient, send: Send, new_trace: str
) -> None:
    await send(rag_spans(new_trace, encoder=r"C:\new\'minilm'"))
    listed = (await client.get("/encoders")).text
    link = re.search(r'href="(/encoders/[^"]+)"', listed)
    assert link is not None

    card = await client.get(link[1])

    assert card.status_code == 200
    assert table_rows(card.text, "cohorts-title")[0][:2] == ["all", "1"]


@pytest.mark.parametrize("key", ["city, state", "two\nlines"])
async def test_a_card_is_by_the_commonest_key_whatever_its_name(
    client: httpx.AsyncClient, store: Store, key: str
) -> None:
    now = datetime.now(UTC).isoformat()
    metadata = {key: "Bern", "also": "there"}
    rows = [trace("a", Metadata=metadata, Encoder="e@1", StartedAt=now)]
    await store.insert("traces", [*rows, trace("b", Metadata={key: "Ulm"}, Encoder="e@1", StartedAt=now)])

    card = await client.get("/encoders/e@1")

    assert card.status_code == 200
    shown = {row[0] for row in table_rows(card.text, "cohorts-title")}
    assert shown == ({"all", "Bern", "Ulm"} if key.isprintable() else {"all", "(none)", "there"})


async def test_a_card_names_the_cohorts_in_which_the_encoder_is_weak(
    client: httpx.AsyncClient, send: Send
) -> None:
    spans = []
    for number in range(90):
        asked = rag_spans(new_trace_id(), encoder="a/b's")
        family = "legal" if number < 30 else "billing"
        asked[0]["attributes"]["metadata"] = f'{{"doc_family": "{family}"}}'
        if family == "legal" and number % 10:
            asked[0]["attributes"]["groundtrace.gold.document_ids"] = '["elsewhere"]'
        spans += asked
    await send(spans)

    html = (await client.get("/encoders/minilm%40a%2Fb's")).text

    (row,) = table_rows(html, "weak-title")
    assert (row[:2], row[-1]) == (["legal", "recall@5"], "its interval is beyond the whole's 0.7")
    assert row[2].startswith("0.100 ")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        pytest.param("/encoders/none", 404, "No trace has this encoder", id="encoder"),
        pytest.param("/encoders/minilm%402?by=colour", 400, "unknown dimension", id="dimension"),
    ],
)
@pytest.mark.usefixtures("encoders")
async def test_a_card_that_cannot_be_shown_says_why(
    client: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    response = await client.get(path)

    assert response.status_code == status
    assert says in response.text


async def test_a_table_of_many_cohorts_and_metrics_stays_small(client: httpx.AsyncClient, send: Send) -> None:
    spans = []
    for number in range(300):
        spans += rag_spans(new_trace_id(), encoder=f"{number:03}" + '"&<' * 30)[:3]
    await send(spans)
    metrics = (
        "traces,spans,error_rate,p50_ms,p95_ms,p99_ms,recall@1,recall@5,mrr,ndcg@5,retry_rate,fallback_rate"
    )

    response = await client.get("/cohorts", params={"by": "encoder", "metrics": metrics})

    assert response.status_code == 200
    assert len(response.content) < 300_000
    assert "more cohorts" in response.text
    parsed(response.text)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        pytest.param("/cohorts", {"by": "metadata.family", "since": ""}, id="cohorts"),
        pytest.param("/compare", BY_ENCODER | {"cohort": "metadata.family"}, id="compare"),
    ],
)
async def test_a_table_stays_small_however_long_the_expression(
    client: httpx.AsyncClient, store: Store, path: str, asked: dict[str, str]
) -> None:
    families = [f"family-{number:03}" for number in range(200)]
    rows = [
        trace(f"{name}{encoder}", Encoder=encoder, Metadata={"family": name})
        for name in families
        for encoder in (BY_ENCODER["base"], BY_ENCODER["candidate"])
    ]
    await store.insert("traces", rows)
    listed = ", ".join(f"'{name}'" for name in families)

    response = await client.get(
        path, params=asked | {"metrics": "traces", "where": f"metadata.family in ({listed})"}
    )

    assert response.status_code == 200
    assert len(response.content) < 300_000
    rows_shown = [row[0] for row in table_rows(response.text, "content")]
    assert [name for name in rows_shown if name in families] == families[
        : len(rows_shown) - (path == "/compare")
    ]
    assert "<bdi>family-000</bdi></a>" in response.text
