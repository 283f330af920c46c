"""What traces are divided by: derived dimensions, several at once, and the way back to a cohort's traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.dimensions import DERIVED, dimension, of_metadata, values_of
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import TraceFilter
from tests.collector.rows import trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from groundtrace_collector.store.store import Store

ODD = ["billing", "it's", "a · b", "\\", "\\·", "50%_x", " ", "a\\' or 1=1 --", "über", ""]


async def cohorts(store: Store, by: str, where: str | None = None) -> dict[str, int]:
    query = CohortQuery(by=by, metrics="traces", filter=TraceFilter(where=where))
    table = await cohort_table(store, query)
    return {row["key"]: row["metrics"]["traces"]["n"] for row in table["cohorts"]}


DERIVED_FROM: dict[str, list[tuple[dict[str, Any], str]]] = {
    "query_length": [
        ({"Query": "x" * length}, key)
        for length, key in [
            (0, ""), (1, "1-20"), (20, "1-20"), (21, "21-50"), (100, "51-100"), (200, "101-200"),
            (500, "201-500"), (501, "501+"),
        ]
    ] + [({"Query": "\u00fc" * 20}, "1-20"), ({"Query": "\u4f60" * 21}, "21-50")],
    "language": [
        ({"Metadata": {"language": given}}, key)
        for given, key in [("de", "de"), ("de-DE", "de"), ("DE_at", "de"), ("deu", "deu"), ("German", "german")]
    ] + [({}, ""), ({"Metadata": {"lang": "de"}}, "")],
    "document_age": [
        ({"StartedAt": "2026-11-21T10:00:00Z", "DocumentAt": at}, key)
        for at, key in [
            ("2026-11-21T10:00:00Z", "under 1 day"), ("2026-11-20T10:00:01Z", "under 1 day"),
            ("2026-11-20T10:00:00Z", "1-7 days"), ("2026-11-14T10:00:00Z", "7-30 days"),
            ("2026-10-22T10:00:00Z", "30-90 days"), ("2026-08-23T10:00:00Z", "90-365 days"),
            ("2025-11-21T10:00:01Z", "90-365 days"), ("2025-11-21T10:00:00Z", "over 365 days"),
            ("1955-01-01T00:00:00Z", "over 365 days"), ("1970-01-01T00:00:00Z", ""),
            ("2026-11-22T10:00:00Z", "under 1 day"), ("2026-11-22T10:00:01Z", ""),
        ]
    ] + [({}, "")],
    "day": [
        ({"StartedAt": "2026-11-20T23:59:59.999999999Z"}, "2026-11-20"),
        ({"StartedAt": "2026-11-21T00:00:00Z"}, "2026-11-21"),
        ({"StartedAt": "2026-11-21T03:00:00+05:00"}, "2026-11-20"),
    ],
    "hour": [
        ({"StartedAt": "2026-11-20T23:59:59.999999999Z"}, "23"),
        ({"StartedAt": "2026-11-21T00:00:00Z"}, "00"),
        ({"StartedAt": "2026-11-21T09:30:00+02:00"}, "07"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVED)
async def test_a_derived_dimension_divides_by_what_the_trace_says(store: Store, name: str) -> None:
    cases = DERIVED_FROM[name]
    await store.insert(
        "traces", [trace(str(n), Route=str(n), **columns) for n, (columns, _) in enumerate(cases)]
    )

    found = await cohorts(store, f"route,{name}")

    assert found == {f"{n} · {key}": 1 for n, (_, key) in enumerate(cases)}


@pytest.mark.parametrize(
    "by", ["metadata.v", "route", "language", "day", "metadata.v,encoder", "encoder,language"]
)
async def test_the_expression_of_a_cohort_finds_its_traces_and_no_others(store: Store, by: str) -> None:
    rows = [
        trace(str(n), Metadata={"v": value, "language": value}, Route=value, Encoder=f"e{n % 2}",
              StartedAt=f"2026-11-{10 + n % 3}T{n:02}:00:00Z")
        for n, value in enumerate([*ODD, "Billing-x"])
    ]  # fmt: skip
    await store.insert("traces", rows)

    found = await cohorts(store, by)

    for key, traces in found.items():
        expression = dimension(by).where(key)
        assert await cohorts(store, by, expression) == {key: traces}, expression


async def test_the_expression_of_an_age_finds_its_traces_and_no_others(store: Store) -> None:
    cases = [columns for columns, _ in DERIVED_FROM["document_age"]]
    await store.insert("traces", [trace(str(n), **columns) for n, columns in enumerate(cases)])

    found = await cohorts(store, "document_age")

    assert len(found) == 7
    for key, traces in found.items():
        expression = dimension("document_age").where(key)
        assert await cohorts(store, "document_age", expression) == {key: traces}, expression


def test_a_cohort_that_no_expression_finds_has_none() -> None:
    assert dimension("hour").where("07") == ""
    assert dimension("day").where("yesterday") == dimension("day").where("9999-12-31") == ""
    assert dimension("document_age").where("old") == ""
    assert dimension("encoder,query_length").where("e · 1-20") == ""


async def test_several_dimensions_divide_at_once(store: Store) -> None:
    odd = [trace(f"{n} {m}", Route=a, User=b) for n, a in enumerate(ODD) for m, b in enumerate(ODD)]
    await store.insert("traces", odd)

    table = await cohort_table(store, CohortQuery(by=" route ,user", metrics="traces", limit=1000))

    assert table["by"] == "route,user"
    assert {tuple(row["keys"]) for row in table["cohorts"]} == {(a, b) for a in ODD for b in ODD}
    assert all(row["metrics"]["traces"]["n"] == 1 for row in table["cohorts"])
    assert {row["key"] for row in table["cohorts"] if row["keys"] == ["billing", "über"]} == {
        "billing · über"
    }


async def test_one_dimension_has_a_key_only(store: Store) -> None:
    await store.insert("traces", [trace("a", Route="x · y")])

    (row,) = (await cohort_table(store, CohortQuery(by="route", metrics="traces")))["cohorts"]

    assert (set(row), row["key"]) == ({"key", "metrics"}, "x · y")


async def test_metadata_keys_with_a_comma_stand_in_brackets(store: Store) -> None:
    await store.insert("traces", [trace("a", Metadata={"a,b": "1", "it's": "2"}, Encoder="e")])

    assert await cohorts(store, "metadata['a,b']") == {"1": 1}
    assert await cohorts(store, "encoder,metadata['a,b'],metadata['it''s'],metadata.it's") == {
        "e · 1 · 2 · 2": 1
    }


@pytest.mark.parametrize(
    ("by", "cohort", "sides", "keys"),
    [
        ("encoder", "query_length", ("old", "new"), ["*", "1-20", "21-50"]),
        ("encoder", "language,hour", ("old", "new"), ["*", "de · 10"]),
        ("day", "encoder", ("2026-11-20", "2026-11-21"), ["*", "new", "old"]),
        ("encoder,day", "hour", ("old · 2026-11-20", "new · 2026-11-21"), ["*", "10"]),
    ],
)
async def test_a_comparison_takes_the_same_dimensions(
    store: Store, by: str, cohort: str, sides: tuple[str, str], keys: Sequence[str]
) -> None:
    rows = [
        trace(f"{day} {encoder} {length}", Encoder=encoder, Query="x" * length, Metadata={"language": "de-DE"},
              StartedAt=f"2026-11-{day}T10:00:00Z")
        for day in (20, 21) for encoder in ("old", "new") for length in (3, 30)
    ]  # fmt: skip
    await store.insert("traces", rows)
    base, candidate = sides

    answer = await compare(
        store, CompareQuery(by=by, base=base, candidate=candidate, cohort=cohort, metrics="traces")
    )

    assert answer["by"] == by
    assert sorted(each["key"] for each in answer["cohorts"]) == sorted(keys)
    whole = answer["cohorts"][0]["metrics"]["traces"]
    assert whole["base"]["n"] == whole["candidate"]["n"] == (2 if "," in by else 4)


async def test_a_root_that_moved_a_trace_to_another_day_leaves_no_ghost_behind(store: Store) -> None:
    await store.insert("traces", [trace("a", StartedAt="2026-11-21T10:00:00Z")])
    await store.insert("traces", [trace("a", StartedAt="2026-11-20T10:00:00Z")])

    async def of_days(base: str, candidate: str) -> tuple[int, int]:
        query = CompareQuery(by="day", base=base, candidate=candidate, metrics="traces")
        traces = (await compare(store, query))["cohorts"][0]["metrics"]["traces"]
        return traces["base"]["n"], traces["candidate"]["n"]

    assert await of_days("2026-11-20", "2026-11-21") == (1, 0)
    assert await of_days("2026-11-21", "2026-11-22") == (0, 0)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("", "unknown dimension ''"),
        ("encoder,,route", "unknown dimension ''"),
        ("encoder,rout", "unknown dimension 'rout'; did you mean route?; use project, service"),
        ("document_ages", "unknown dimension 'document_ages'; did you mean document_age?"),
        ("metadata['a']b", "unknown dimension"),
        ("encoder,encoder", "dimension 'encoder' is given twice: leave one out"),
        ("metadata.a, encoder,metadata.a", "dimension 'metadata.a' is given twice"),
        ("route,user,session,encoder,day", "at most 4 dimensions at once, got 5"),
    ],
)
def test_what_is_no_dimension_is_named(by: str, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        dimension(by)

    assert words in caught.value.message


@given(st.lists(st.text(alphabet="ab ·\\'", max_size=6), min_size=1, max_size=4))
def test_the_values_of_a_key_come_back(values: list[str]) -> None:
    escaped = [value.replace("\\", "\\\\").replace("·", "\\·") for value in values]

    assert values_of(" · ".join(escaped)) == values


@given(st.text("ab ,.'[]\\\n", max_size=8))
def test_a_key_that_is_offered_is_asked_by_as_it_is(key: str) -> None:
    written = of_metadata(key)

    assert bool(written) is (key.isprintable() and key != "")
    if written:
        assert dimension(written).parameters == {"dimension_key": key}
