"""A difference taken apart: what changed within the cohorts, and what other traffic made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.query.intervals import Sums
from groundtrace_collector.query.mix import NOBODY, parts_of_sides
from tests.collector.rows import trace

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store


async def _whole(store: Store, metric: str, *, cohort: str | None = "metadata.family") -> dict[str, Any]:
    query = CompareQuery(
        by="encoder",
        base="old",
        candidate="new",
        metrics=metric,
        cohort=cohort,
        filter=TraceFilter(until="2027-01-01"),
    )
    found: dict[str, Any] = (await compare(store, query))["cohorts"][0]["metrics"][metric]
    return found


def _traffic(side: str, family: str, n: int, errors: int, **columns: Any) -> list[dict[str, Any]]:
    return [
        trace(
            f"{side}{family}{k}",
            Encoder=side,
            Metadata={"family": family},
            Status="error" if k < errors else "ok",
            **columns,
        )
        for k in range(n)
    ]


async def test_other_traffic_is_mix_and_no_change_of_quality(store: Store) -> None:
    # Easy questions fail in 10 %, hard ones in 40 %, on both sides; the candidate had more of the hard ones.
    rows = _traffic("old", "easy", 80, 8) + _traffic("old", "hard", 20, 8)
    rows += _traffic("new", "easy", 20, 2) + _traffic("new", "hard", 80, 32)
    await store.insert("traces", rows)

    found = await _whole(store, "error_rate")

    assert found["difference"]["value"] == pytest.approx(0.18)
    assert found["parts"]["quality"]["value"] == pytest.approx(0)
    assert found["parts"]["mix"] == {"value": pytest.approx(0.18), "low": None, "high": None, "n": 200}
    assert found["parts"]["quality"]["low"] < 0 < found["parts"]["quality"]["high"]


async def test_the_parts_are_kitagawas_and_add_up(store: Store) -> None:
    rows = _traffic("old", "a", 60, 6) + _traffic("old", "b", 40, 20)
    rows += _traffic("new", "a", 30, 9) + _traffic("new", "b", 60, 24) + _traffic("new", "only here", 10, 10)
    await store.insert("traces", rows)

    found = await _whole(store, "error_rate")

    quality = (0.6 + 0.3) / 2 * (0.3 - 0.1) + (0.4 + 0.6) / 2 * (0.4 - 0.5)
    mix = (0.3 - 0.6) * (0.1 + 0.3) / 2 + (0.6 - 0.4) * (0.5 + 0.4) / 2 + 0.1 * 1.0
    assert found["parts"]["quality"]["value"] == pytest.approx(quality)
    assert found["parts"]["mix"]["value"] == pytest.approx(mix)
    assert quality + mix == pytest.approx(found["difference"]["value"])


async def test_more_cohorts_than_are_shown_still_add_up(store: Store) -> None:
    rng = np.random.default_rng(1)
    rows = [
        row
        for side in ("old", "new")
        for n in range(230)
        for row in _traffic(side, f"f{n}", int(rng.integers(1, 4)), int(rng.integers(0, 2)))
    ]
    await store.insert("traces", rows)

    found = await _whole(store, "error_rate")

    parts = found["parts"]
    assert parts["quality"]["value"] + parts["mix"]["value"] == pytest.approx(found["difference"]["value"])
    assert parts["quality"]["low"] is None


async def test_pairs_have_the_same_mix_on_both_sides(store: Store) -> None:
    rows = [
        trace(
            f"{side}{n}",
            Encoder=side,
            QueryHash=n + 1,
            TokensPrompt=n + (5 + n % 3 if side == "new" else 0),
            Metadata={"family": "ab"[n % 2]},
        )
        for side in ("old", "new")
        for n in range(40)
    ]
    await store.insert("traces", rows)

    found = await _whole(store, "tokens_prompt")

    assert found["paired"]
    assert found["parts"]["quality"] == found["difference"]
    assert found["parts"]["mix"]["value"] == 0


@pytest.mark.parametrize(
    ("metric", "cohort"), [("p99_ms", "metadata.family"), ("traces", "metadata.family"), ("error_rate", None)]
)
async def test_without_cohorts_and_for_quantiles_and_counts_there_are_no_parts(
    store: Store, metric: str, cohort: str | None
) -> None:
    await store.insert("traces", _traffic("old", "a", 30, 3) + _traffic("new", "a", 30, 3))

    assert (await _whole(store, metric, cohort=cohort))["parts"] is None


def _sums(values: list[float]) -> Sums:
    n, total, squares = len(values), sum(values), sum(each * each for each in values)
    return Sums(n=n, clusters=n, total=total, weight=n, squares=squares, weight_squares=n, products=total)


_CELLS = st.lists(st.floats(-100, 100), max_size=6).map(lambda values: _sums(values) if values else NOBODY)


@given(st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=6))
def test_quality_and_mix_always_add_up_to_the_difference(cohorts: list[tuple[Sums, Sums]]) -> None:
    base, candidate = ([each[side] for each in cohorts] for side in (0, 1))

    found = parts_of_sides(base, candidate, watched=False)

    if found is None:
        assert not (sum(each.n for each in base) and sum(each.n for each in candidate))
        return
    means = [sum(each.total for each in side) / sum(each.n for each in side) for side in (base, candidate)]
    total = (found.quality.value or 0) + (found.mix.value or 0)
    assert total == pytest.approx(means[1] - means[0], abs=1e-9)
