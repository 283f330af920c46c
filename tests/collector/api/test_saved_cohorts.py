"""A saved cohort narrows whatever a where-expression narrows."""

from typing import Any

import httpx
import pytest

from groundtrace_collector.collector import Collector
from tests.collector.pages.markup import table_rows
from tests.collector.rows import score, trace

BY = {"by": "encoder", "metrics": "traces"}
SIDES = {**BY, "base": "old", "candidate": "new"}


@pytest.fixture
async def saved(client: httpx.AsyncClient, collector: Collector) -> None:
    """Two of three traces are of the cohort `vips`; both encoders are."""
    rows = [trace("a", User="vip", Encoder="new"), trace("b", User="vip", Encoder="old", Route="x"),
            trace("c", Encoder="new")]  # fmt: skip
    await collector.store.insert("traces", rows)
    await collector.store.insert("scores", [score(name, Score=0.5) for name in "abc"])
    body = {"name": "vips", "expression": "user = 'nobody' or user = 'vip'"}
    (await client.post("/api/v1/cohorts/saved", json=body)).raise_for_status()


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(("where", "n"), [(None, 2), ("route = 'x'", 1), ("route = 'x' or route is null", 2)])
async def test_a_saved_cohort_narrows_every_read_with_or_without_an_expression(
    client: httpx.AsyncClient, where: str | None, n: int
) -> None:
    narrowed = {"where": where} if where else {}

    async def get(path: str, **params: str) -> Any:
        response = await client.get(f"/api/v1/{path}", params={**narrowed, **params})
        return response.raise_for_status().json()

    assert len((await get("traces", cohort="vips"))["traces"]) == n
    assert (await get("traces/count", cohort="vips"))["traces"] == n
    assert len((await get("scores", cohort="vips"))["scores"]) == n
    assert (
        sum(each["metrics"]["traces"]["n"] for each in (await get("cohorts", cohort="vips", **BY))["cohorts"])
        == n
    )
    whole = (await get("compare", saved="vips", **SIDES))["cohorts"][0]["metrics"]["traces"]
    assert whole["base"]["n"] + whole["candidate"]["n"] == n


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("path", "params", "rows"),
    [
        ("/cohorts", {"cohort": "vips", **BY}, [["new", "1"], ["old", "1"]]),
        ("/compare", {"saved": "vips", **SIDES}, [["All traces", "0 1 → 1 · 1 and 1 traces"]]),
    ],
)
async def test_the_forms_offer_saved_cohorts_and_keep_the_one_chosen(
    client: httpx.AsyncClient, path: str, params: dict[str, str], rows: list[list[str]]
) -> None:
    offered = (await client.get(path)).text
    chosen = (await client.get(path, params={**params, "since": ""})).text

    assert '<option value="vips">' in offered
    assert '<option value="vips" selected>' in chosen
    assert table_rows(chosen, "content") == rows


@pytest.mark.usefixtures("saved")
async def test_the_trace_list_narrows_by_a_saved_cohort_and_has_no_field_without_any(
    client: httpx.AsyncClient,
) -> None:
    assert "2 traces" in (await client.get("/", params={"cohort": "vips"})).text
    await client.delete("/api/v1/cohorts/saved/vips")
    assert "Saved cohort" not in (await client.get("/")).text


@pytest.mark.usefixtures("saved")
async def test_a_wrong_expression_beside_a_cohort_is_told_at_its_own_position(
    client: httpx.AsyncClient,
) -> None:
    for path in ("traces", "scores"):
        answer = await client.get(f"/api/v1/{path}", params={"where": "encodr = 'x'", "cohort": "vips"})
        assert "(at position 1)" in answer.json()["error"]["message"]


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("traces", {"cohort": "vip"}),
        ("traces/count", {"cohort": "vip"}),
        ("scores", {"cohort": "vip"}),
        ("calibrations/first-runs", {"cohort": "vip", "name": "groundedness", "version": "1"}),
        ("cohorts", {"cohort": "vip", **BY}),
        ("compare", {"saved": "vip", **SIDES}),
    ],
)
async def test_an_unknown_cohort_is_named_with_those_there_are(
    client: httpx.AsyncClient, path: str, params: dict[str, str]
) -> None:
    response = await client.get(f"/api/v1/{path}", params=params)

    assert (response.status_code, response.json()["error"]["code"]) == (400, "unknown_cohort")
    assert response.json()["error"]["message"] == (
        "no cohort is saved as 'vip'; did you mean vips?; the saved cohorts are vips"
    )
