"""Scores are read in two ways: what is cheap for most names says the same as what is right for all."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from groundtrace_collector.query.filters import TraceFilter, select
from groundtrace_collector.query.metrics import parse_metrics
from groundtrace_collector.query.origins import NOTHING_KNOWN, origins_of, score_origins, version_order
from groundtrace_collector.query.values import per_trace
from groundtrace_collector.query.where import Scope
from tests.collector.rows import names_where, score, trace, trace_id

if TYPE_CHECKING:
    from groundtrace_collector.query.origins import ScoreOrigins
    from groundtrace_collector.store.store import Store


def origin(**columns: Any) -> dict[str, Any]:
    """A row of `score_origins`."""
    return {
        "Name": "n",
        "Source": "evaluator",
        "Evaluator": "n",
        "EvaluatorVersion": "1",
        "OfSpan": False,
        "BeforeTrace": False,
        "Ok": True,
        **columns,
    }


ORIGINS = [
    pytest.param([], True, [], id="no rows"),
    pytest.param([origin(), origin(BeforeTrace=True)], True, [], id="one origin"),
    pytest.param([origin(), origin(Ok=False)], True, [], id="one origin replaces what was ok"),
    pytest.param(
        [origin(EvaluatorVersion="1.10"), origin(EvaluatorVersion="1.9")],
        True,
        ["1.9", "1.10"],
        id="versions, by their numbers",
    ),
    pytest.param([origin(), origin(Source="human", Ok=False)], False, [], id="not ok among several"),
    pytest.param([origin(), origin(Evaluator="m", Ok=False)], False, [], id="not ok of another evaluator"),
    pytest.param([origin(), origin(OfSpan=True)], False, [], id="of a span"),
    pytest.param(
        [origin(EvaluatorVersion=str(version)) for version in range(128)], False, [], id="too many versions"
    ),
]


@pytest.mark.parametrize(("rows", "simple", "versions"), ORIGINS)
def test_what_decides_how_a_name_is_read(
    rows: list[dict[str, Any]], *, simple: bool, versions: list[str]
) -> None:
    found = origins_of(["n"], rows)

    assert ("n" in found.simple) is simple
    assert list(found.versions) == versions


VERSIONS = ["1.10", "1.9", "1", "", "v2", "2024-01-02", "a", "10", "010", "1" * 25, "é", "1.9b", "1.9-rc1"]


async def test_versions_are_ordered_as_the_engine_orders_them(store: Store) -> None:
    pairs = {f"{one}|{other}": (one, other) for one, other in itertools.permutations(VERSIONS, 2)}
    await store.insert("traces", [trace(name) for name in pairs])
    # Of each pair the score says which one it is of.
    rows = [
        score(name, EvaluatorVersion=version, Score=n)
        for name, pair in pairs.items()
        for n, version in enumerate(pair)
    ]
    await store.insert("scores", rows)

    found = {row["Of"][1]: row["v0"] for row in await values(store, "groundedness", None, NOTHING_KNOWN)}

    newest = {
        trace_id(name): float(version_order(other) > version_order(one))
        for name, (one, other) in pairs.items()
    }
    assert found == newest


# What rows of each name may be: columns by chance, and whether that name is simple.
NAMES: dict[str, tuple[dict[str, list[Any]], bool]] = {
    "groundedness": ({}, True),
    # For this one, lower is better.
    "hallucination_score": ({}, True),
    "early": ({"Project": ["", "app"]}, True),
    "versions": (
        {
            "EvaluatorVersion": ["1.9", "1.10", ""],
            "Source": ["api", "evaluator", "human"],
            "Project": ["", "app"],
        },
        True,
    ),
    "withdrawn": ({"Status": ["ok", "skipped"]}, True),
    "refused": ({"Status": ["ok", "error"], "Evaluator": ["x", "y"]}, False),
    "spans": ({"SpanId": ["", "s"]}, False),
}
TRACES = "abcdefghijklmnopqrstuvwxyz"
PROJECTS = ("app", "shop")


def chance_rows(name: str, chance: random.Random) -> list[dict[str, Any]]:
    """Up to four scores for most traces of both projects, as clients may send them."""
    rows = []
    for each in TRACES:
        for _ in range(chance.randrange(5)):
            row = {column: chance.choice(values) for column, values in NAMES[name][0].items()}
            given = row.get("Status", "ok") == "ok"
            number = chance.choice([None, 0.0, 0.25, 0.5, 0.75, 1.0]) if given else None
            labels = ["pass", "fail", "odd"] if number is None else ["", "pass", "fail", "odd"]
            row["Label"] = chance.choice(labels) if given else ""
            row["Project"] = row.get("Project", chance.choice(PROJECTS))
            rows.append(
                score(each, Name=name, Score=number, Threshold=chance.choice([None, 0.25, 0.7]), **row)
            )
    return rows


async def values(store: Store, name: str, project: str | None, origins: ScoreOrigins) -> list[dict[str, Any]]:
    """What each trace has of every metric of scores."""
    wanted = parse_metrics([f"score:{name}", f"fail_rate:{name}", f"coverage:{name}"])
    rows = per_trace(
        wanted, select(TraceFilter(project=project), origins=origins), {"Of": "(Project, TraceId)"}
    )
    return await store.query(f"SELECT * FROM ({rows.sql}) ORDER BY Of", rows.parameters)  # noqa: S608


async def test_what_is_known_of_scores_is_asked_once_until_something_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    query = store.query

    async def counted(sql: str, *given: Any, **options: Any) -> list[dict[str, Any]]:
        asked.append(sql)
        return await query(sql, *given, **options)

    monkeypatch.setattr(store, "query", counted)
    monkeypatch.setattr("groundtrace_collector.query.origins._KEPT_S", 3_600.0)
    await store.insert("scores", [score("a", Name="n")])

    known = [await score_origins(store, ["n"], project=None) for _ in range(3)]
    assert len(asked) == 1
    assert known == [known[0]] * 3
    assert known[0].simple == {"n"}

    await store.insert("scores", [score("a", Name="n", SpanId="s")])
    assert (await score_origins(store, ["n"], project=None)).simple == frozenset()

    monkeypatch.setattr("groundtrace_collector.query.origins._KEPT_S", -1.0)
    asked.clear()
    await score_origins(store, ["n"], project=None)
    assert asked


async def test_the_cheap_way_finds_what_the_general_way_finds(store: Store) -> None:
    chance = random.Random(7)  # noqa: S311  (rows, not secrets)
    await store.insert("traces", [trace(each, Project=project) for each in TRACES for project in PROJECTS])
    # In several parts, so that rows of one key lie unmerged.
    rows = [row for name in NAMES for row in chance_rows(name, chance)]
    for part in range(3):
        await store.insert("scores", rows[part::3])
    for project in (None, "app"):
        for name, (_, simple) in NAMES.items():
            known = await score_origins(store, [name], project=project)
            general = await values(store, name, project, NOTHING_KNOWN)
            assert (name in known.simple) is simple
            assert {row["v1"] for row in general} == {None, 0.0, 1.0}, name
            assert await values(store, name, project, known) == general, name

    for name in ("versions", "withdrawn"):
        known = await score_origins(store, [name], project=None)
        for expression in ("score.{} < 0.5", "not score.{} in ('odd', 'pass')", "score.{} is null"):
            found = [
                await names_where(store, expression.format(name), TRACES, scope=Scope(origins=origins))
                for origins in (known, NOTHING_KNOWN)
            ]
            assert found[0] == found[1], expression
