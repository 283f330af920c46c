"""Datasets over the API: uploads, versions, pages of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from groundtrace_collector.collector import Collector

FULL = {
    "id": "r1",
    "query": "How long does a refund take?",
    "positive_chunk": "Refunds are paid within ten days.",
    "hard_negative_chunk": "Refunds need a receipt.",
    "embedding_model_version": "minilm@2",
    "expected_answer": "Ten days.",
    "positive_ids": ["policy-3", "policy-9"],
    "metadata": {"doc_family": "billing", "language": "de"},
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "document_id": "policy-3",
    "hard_negative_id": "policy-1",
    "intent": "refund",
    "model_version": "gpt-x",
    "source": "jane",
    "created_at": "2026-11-21T10:00:00.250000Z",
}


async def made(client: httpx.AsyncClient, rows: list[dict[str, Any]], name: str = "d") -> int:
    answer = await client.post(f"/api/v1/datasets/{name}/rows", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    version: int = answer.json()["version"]
    return version


async def queries(client: httpx.AsyncClient, name: str = "d", **params: Any) -> list[str]:
    answer = await client.get(f"/api/v1/datasets/{name}/rows", params=params)
    assert answer.status_code == 200, answer.text
    return [row["query"] for row in answer.json()["rows"]]


async def opened(client: httpx.AsyncClient, name: str = "d") -> int:
    upload: int = (await client.post("/api/v1/datasets", json={"name": name})).json()["upload"]
    return upload


async def put(client: httpx.AsyncClient, upload: int, *rows: dict[str, Any]) -> httpx.Response:
    return await client.post("/api/v1/datasets/d/rows", json={"upload": upload, "rows": rows})


async def complete(client: httpx.AsyncClient, upload: int, **more: Any) -> httpx.Response:
    return await client.post("/api/v1/datasets/d/versions", json={"upload": upload, **more})


async def test_everything_a_row_may_say_comes_back(client: httpx.AsyncClient) -> None:
    await made(client, [FULL])

    answer = (await client.get("/api/v1/datasets/d/rows")).json()

    assert answer == {
        "name": "d",
        "version": 1,
        "rows": [{**FULL, "created_at": "2026-11-21T10:00:00.250000Z"}],
        "next_cursor": None,
    }


async def test_a_row_that_says_little_gets_an_id_and_the_time_when_it_was_made(
    client: httpx.AsyncClient,
) -> None:
    await made(client, [{"query": "a"}])
    await made(client, [{"query": "a"}], "other")

    (row,) = (await client.get("/api/v1/datasets/d/rows")).json()["rows"]
    (same,) = (await client.get("/api/v1/datasets/other/rows")).json()["rows"]

    assert row["id"] == same["id"] != ""
    assert row["created_at"] is not None
    assert row["positive_chunk"] is row["trace_id"] is None


async def test_each_version_stays_as_it_was(client: httpx.AsyncClient) -> None:
    await made(client, [{"id": "1", "query": "a"}, {"id": "2", "query": "b"}])
    await made(client, [{"id": "1", "query": "changed"}])

    assert await queries(client, version=1) == ["a", "b"]
    assert await queries(client, version=2) == await queries(client) == ["changed"]
    listed = (await client.get("/api/v1/datasets")).json()["datasets"]
    assert [(each["name"], each["version"], each["versions"], each["rows"]) for each in listed] == [
        ("d", 2, 2, 1)
    ]
    versions = (await client.get("/api/v1/datasets/d/versions")).json()["versions"]
    assert [(each["version"], each["rows"]) for each in versions] == [(2, 1), (1, 2)]


async def test_a_row_that_does_not_change_is_stored_once(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    for _ in range(3):
        await made(client, [{"query": "a"}, {"query": "b"}])
    await made(client, [{"query": "a"}], "other")

    (stored,) = await collector.store.query("SELECT count() AS Rows FROM dataset_rows")
    assert stored["Rows"] == 2


async def test_an_upload_is_no_version_before_it_is_complete_and_cannot_change_after(
    client: httpx.AsyncClient,
) -> None:
    upload = await opened(client)
    await put(client, upload, {"query": "a"})
    await put(client, upload, {"query": "b"}, {"query": "a"})
    missing = await client.get("/api/v1/datasets/d/rows")

    done = await complete(client, upload, source="by hand")
    again = await complete(client, upload)
    late = await put(client, upload, {"query": "c"})

    assert missing.status_code == 404
    assert done.json() == again.json() == {"name": "d", "version": 1, "rows": 2}
    assert (late.status_code, late.json()["error"]["code"]) == (409, "completed")
    assert await queries(client) == ["a", "b"]


async def test_appending_keeps_the_rows_before_and_replaces_those_of_the_same_id(
    client: httpx.AsyncClient,
) -> None:
    await made(client, [{"id": "1", "query": "a"}, {"id": "2", "query": "b"}])
    upload = await opened(client)
    await put(client, upload, {"id": "2", "query": "changed"}, {"id": "3", "query": "c"})

    assert (await complete(client, upload, append=True)).json()["rows"] == 3

    assert await queries(client) == ["a", "changed", "c"]
    assert await queries(client, version=1) == ["a", "b"]


async def test_pages_go_through_a_version_in_its_order(client: httpx.AsyncClient) -> None:
    wanted = [f"q{number}" for number in range(25)]
    await made(client, [{"query": query} for query in wanted])

    found, cursor = [], None
    while True:
        params = {"limit": 10, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/api/v1/datasets/d/rows", params=params)).json()
        found += [row["query"] for row in page["rows"]]
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert found == wanted


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([{"query": "a"}, {"query": " "}], "row 2: query: a query must not be empty, got ' '", id="empty"),
        pytest.param([{"expected_answer": "a"}], "row 1: query: missing", id="no query"),
        pytest.param([{"question": "a"}], "row 1: question: no field of a row", id="another name"),
        pytest.param([{"query": "a", "lang": "de"}], "row 1: lang: no field of a row", id="unknown"),
        pytest.param([{"query": "a", "positive_ids": "x"}], "row 1: positive_ids: ", id="no list"),
        pytest.param([{"query": "a", "metadata": {"k": []}}], "row 1: metadata.k: ", id="nested metadata"),
        pytest.param(["a"], "row 1: ", id="no object"),
        pytest.param(
            [{"id": "1", "query": "a"}, {"id": "1", "query": "b"}], "two rows have the id '1'", id="one id twice"
        ),
        pytest.param([], "nothing was put into dataset 'd'", id="no rows"),
    ],
)  # fmt: skip
async def test_a_wrong_row_is_named_and_nothing_is_stored(
    client: httpx.AsyncClient, rows: list[Any], message: str
) -> None:
    answer = await client.post("/api/v1/datasets/d/rows", json={"rows": rows})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)
    assert (await client.get("/api/v1/datasets")).json() == {"datasets": []}


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        pytest.param("e/rows", 404, "there is no dataset 'e'; the datasets are d", id="no dataset"),
        pytest.param("d/rows?version=7", 404, "dataset 'd' has no version 7; its versions are 1 to 1", id="version"),
        pytest.param("d/rows?cursor=x", 400, "'x' is not a cursor", id="cursor"),
        pytest.param("d/rows?limit=0", 400, "limit must be from 1 to 1000, got 0", id="limit"),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_said(
    client: httpx.AsyncClient, path: str, status: int, message: str
) -> None:
    await made(client, [{"query": "a"}])

    answer = await client.get(f"/api/v1/datasets/{path}")

    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize("name", ["", "a b", "../x", "é", "-x", "x" * 101])
async def test_a_name_that_makes_no_address_is_refused(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post("/api/v1/datasets", json={"name": name})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_name")
