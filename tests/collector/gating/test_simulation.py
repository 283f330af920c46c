"""Simulated gates, by the estimators of the API: how often equal encoders fail, and a worse family is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from groundtrace_collector.gating.decision import Decision, decide
from groundtrace_collector.gating.evidence import of_comparison
from groundtrace_collector.query.metrics import Form
from tests.collector.gating.gates import LIVE, gate, sampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAMILIES = {"billing": 200, "legal": 120, "hr": 60, "rare": 25}
GATE = gate(
    {"kind": "no-regression", "metric": "recall@5"},
    {"kind": "no-regression", "metric": "fail_rate:groundedness"},
)
METRICS = {"recall@5": Form.MEAN, "fail_rate:groundedness": Form.RATE}


def _side(
    rng: np.random.Generator, form: Form, hard: NDArray[np.float64], loss: float
) -> NDArray[np.float64]:
    """Recall of 3 documents, or fails, of questions as hard as this, for an encoder that is worse by ``loss``."""
    if form is Form.RATE:
        return (rng.random(len(hard)) < 0.05 + 0.2 * hard + loss).astype(float)
    return rng.binomial(3, np.clip(0.9 - 0.6 * hard - loss, 0, 1)) / 3


def simulated(rng: np.random.Generator, *, paired: bool, losses: dict[str, float]) -> Decision:
    """One gate over all families; ``losses`` says by how much the candidate is worse in which."""
    cohorts: dict[str, dict[str, Any]] = {"*": {}, **{family: {} for family in FAMILIES}}
    for name, form in METRICS.items():
        sides = {}
        for family, n in FAMILIES.items():
            hard = rng.random(n)
            other = hard if paired else rng.random(n)
            sides[family] = (_side(rng, form, hard, 0.0), _side(rng, form, other, losses.get(family, 0.0)))
        whole = [np.concatenate([both[side] for both in sides.values()]) for side in (0, 1)]
        for key, (base, candidate) in {"*": whole, **sides}.items():
            cohorts[key][name] = sampled(base, candidate, form=form, paired=paired)
    listed = [{"key": key, "metrics": found} for key, found in cohorts.items()]
    sides_named = {key: LIVE[key] for key in ("by", "base", "candidate")}
    return decide(GATE, of_comparison({**sides_named, "cohorts": listed}), {})


def _failing(seeds: range, *, paired: bool) -> float:
    failed = [not simulated(np.random.default_rng(seed), paired=paired, losses={}).passed for seed in seeds]
    return sum(failed) / len(failed)


def test_of_40_gates_over_equal_encoders_few_fail() -> None:
    # 5 % of gates fail; more than 6 of 40 do in one of 80 such runs, and these seeds are always the same.
    assert _failing(range(40), paired=True) <= 6 / 40


def test_a_family_that_is_worse_is_named_while_the_rest_is_better() -> None:
    losses = {"billing": -0.15, "legal": -0.15, "hr": 0.4, "rare": -0.15}

    found = simulated(np.random.default_rng(1), paired=True, losses=losses)

    assert found.evidence.found["*", "recall@5"].difference.value > 0  # type: ignore[operator]
    assert found.failed_cohorts == ("hr",)


@pytest.mark.verify
@pytest.mark.parametrize("paired", [True, False], ids=["paired", "independent"])
def test_of_400_gates_over_equal_encoders_at_most_7_percent_fail(paired: bool) -> None:  # noqa: FBT001
    share = _failing(range(400), paired=paired)

    print(f"gates that fail over equal encoders: {share:.4f} of 400")  # noqa: T201
    assert share <= 0.07


@pytest.mark.verify
@pytest.mark.parametrize("paired", [True, False], ids=["paired", "independent"])
def test_the_level_of_the_gate_holds_over_4_000(paired: bool) -> None:  # noqa: FBT001
    share = _failing(range(4_000), paired=paired)

    print(f"gates that fail over equal encoders: {share:.4f} of 4,000")  # noqa: T201
    assert share <= 0.05 + 3 * (0.05 * 0.95 / 4_000) ** 0.5
