"""Margins are put together and compared within one embedding space only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import TraceFilter
from tests.collector.rows import trace

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store


def row(name: str, space: str, **columns: Any) -> dict[str, Any]:
    return trace(name, Encoder=space, Margin=0.5, MarginAuroc=1.0, MarginSpace=space, **columns)


async def numbers(store: Store, metric: str, where: str | None = None) -> dict[str, int]:
    query = CohortQuery(by="route", metrics=f"traces,{metric}", filter=TraceFilter(where=where))
    table = await cohort_table(store, query)
    return {each["key"]: each["metrics"][metric]["n"] for each in table["cohorts"]}


async def test_a_cohort_of_two_spaces_has_no_margin_but_its_auroc(store: Store) -> None:
    # Traces without a margin, and other cohorts, are no reason to refuse.
    rows = [row("a", "f1", Route="x"), row("b", "f2", Route="y"), trace("c", Route="x", Encoder="f2")]
    await store.insert("traces", rows)
    assert await numbers(store, "margin") == {"x": 1, "y": 1}

    await store.insert("traces", [row("d", "f2", Route="x")])

    with pytest.raises(
        QueryError, match=r"margin would mix the scores of cohort 'x' of .* \(f1, f2\)"
    ) as caught:
        await numbers(store, "margin")
    assert caught.value.code == "mixed_spaces"
    assert await numbers(store, "margin", "encoder = 'f2'") == {"x": 1, "y": 1}
    assert await numbers(store, "margin_auroc") == {"x": 2, "y": 1}


async def test_margins_of_two_encoders_are_not_compared_but_their_aurocs_are(store: Store) -> None:
    rows = [
        {
            **row(f"{n} {space}", space, PromptVersion=f"v{n % 2}", QueryHash=n),
            "MarginAuroc": float(space == "f2" or n % 2),
            "Margin": n % 7 / 10,
        }
        for n in range(1, 61)
        for space in ("f1", "f2")
    ]
    await store.insert("traces", rows)

    async def whole(by: str, sides: tuple[str, str], metric: str, where: str | None = None) -> Any:
        base, candidate = sides
        query = CompareQuery(
            by=by, base=base, candidate=candidate, metrics=metric, filter=TraceFilter(where=where)
        )
        return (await compare(store, query))["cohorts"][0]["metrics"][metric]

    with pytest.raises(
        QueryError, match=r"margin would mix the scores of several .* \(f1, f2\), .* use margin_auroc"
    ):
        await whole("encoder", ("f1", "f2"), "margin")

    shares = await whole("encoder", ("f1", "f2"), "margin_auroc")
    assert (shares["paired"], shares["verdict"], shares["difference"]["n"]) == (True, "better", 60)
    assert shares["difference"]["value"] == pytest.approx(0.5)
    within = await whole("prompt_version", ("v0", "v1"), "margin", "encoder = 'f1'")
    assert (within["verdict"], within["base"]["n"], within["candidate"]["n"]) == ("no difference", 30, 30)
