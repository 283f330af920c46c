"""The SQL page and the description of the API, through the real application on a real store."""

import httpx

from tests.collector.pages.markup import table_rows


async def test_a_question_is_answered_with_a_table(client: httpx.AsyncClient, traced: str) -> None:
    response = await client.get(
        "/sql", params={"sql": "SELECT TraceId, length(RetrievedIds) AS n FROM traces"}
    )

    assert response.status_code == 200
    assert [row[0] for row in table_rows(response.text, "answer")][-1] == traced
    assert "SELECT TraceId, length(RetrievedIds) AS n FROM traces" in response.text


async def test_a_refused_question_stands_beside_the_form_with_its_reason(client: httpx.AsyncClient) -> None:
    response = await client.get("/sql", params={"sql": "SELECT file('/etc/passwd')"})

    assert response.status_code == 400
    assert "the function file is not taken here" in response.text
    assert "SELECT file(&#39;/etc/passwd&#39;)" in response.text


async def test_an_answer_that_a_page_cannot_carry_is_cut_and_says_so(client: httpx.AsyncClient) -> None:
    wide = f"SELECT arrayJoin(splitByChar(',', '{',' * 500}')) AS empty, '{'<b>' * 3_000}' AS marked"

    response = await client.get("/sql", params={"sql": wide})

    assert response.status_code == 200
    assert len(response.content) < 300_000
    assert "<b>" not in response.text
    assert "more rows: " in response.text
    assert "more characters" in response.text


async def test_the_api_is_described_without_anything_from_elsewhere(client: httpx.AsyncClient) -> None:
    response = await client.get("/docs")

    for path in ("/api/v1/traces/{trace_id}", "/api/v1/compare", "/api/v1/sql"):
        assert path in response.text
    assert len(response.content) < 300_000
