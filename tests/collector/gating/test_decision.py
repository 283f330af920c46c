"""Decisions: what a rule makes of the figures, which families are blamed, who bears the doubt."""

from __future__ import annotations

from typing import Any

import pytest

from groundtrace_collector.gating.decision import decide
from groundtrace_collector.gating.gate_file import GateFileError
from groundtrace_collector.gating.proving import Standing
from groundtrace_collector.gating.tails import holm, p_above, p_below
from groundtrace_collector.query.intervals import Value
from tests.collector.gating.gates import compared, decided, evidence, gate, value

NO_REGRESSION = {"kind": "no-regression", "metric": "recall@5"}
NON_INFERIORITY = {"kind": "non-inferiority", "metric": "recall@5", "delta": 0.05}
LIMIT = {"kind": "limit", "metric": "recall@5"}


def test_better_on_average_and_worse_in_one_family_fails_and_names_the_family() -> None:
    found = decided(
        gate(NO_REGRESSION),
        whole=compared(0.1),
        billing=compared(-0.1),
        legal=compared(0.2),
        hr=compared(0.0),
    )

    assert (found.passed, found.failed_cohorts) == (False, ("billing",))


@pytest.mark.parametrize(
    ("rule", "figures", "outcome"),
    [
        pytest.param(NO_REGRESSION, compared(-0.01), "pass", id="a-loss-that-is-not-shown"),
        pytest.param(NO_REGRESSION, compared(-0.1), "fail", id="a-loss-that-is-shown"),
        pytest.param(NO_REGRESSION, compared(-0.1, n=19), "undecided", id="fewer-than-20"),
        pytest.param(NO_REGRESSION, compared(None), "undecided", id="undefined"),
        pytest.param(NO_REGRESSION, compared(-0.1, None), "undecided", id="no-interval"),
        pytest.param(NON_INFERIORITY, compared(-0.02), "pass", id="worse-by-less-than-delta"),
        pytest.param(NON_INFERIORITY, compared(-0.04), "undecided", id="the-interval-reaches-beyond-delta"),
        pytest.param(NON_INFERIORITY, compared(-0.2), "fail", id="worse-by-more-than-delta"),
        pytest.param(NON_INFERIORITY, compared(0.3), "pass", id="better"),
        pytest.param(LIMIT | {"at_least": 0.45}, compared(0.0), "pass", id="interval-above-the-least"),
        pytest.param(LIMIT | {"at_least": 0.49}, compared(0.0), "undecided", id="only-the-point-is-above"),
        pytest.param(
            LIMIT | {"at_least": 0.49, "holds": "point"}, compared(0.0), "pass", id="the-point-does"
        ),
        pytest.param(LIMIT | {"at_least": 0.51, "holds": "point"}, compared(0.0), "fail", id="it-does-not"),
        pytest.param(LIMIT | {"at_least": 0.6}, compared(0.0), "fail", id="interval-below-the-least"),
        pytest.param(LIMIT | {"at_most": 0.55}, compared(0.0), "pass", id="interval-below-the-most"),
        pytest.param(LIMIT | {"at_most": 0.4}, compared(0.0), "fail", id="interval-above-the-most"),
    ],
)
def test_a_rule_passes_fails_or_stays_undecided(
    rule: dict[str, Any], figures: dict[str, Any], outcome: str
) -> None:
    (check,) = decided(gate(rule), whole=figures).checks

    assert check.outcome == outcome


def test_a_metric_that_is_better_low_is_worse_when_it_rises() -> None:
    rule = {"kind": "no-regression", "metric": "error_rate"}
    rises, falls = compared(0.1), compared(-0.1)

    outcomes = [
        decide(gate(rule), evidence({"whole": figures}, metric="error_rate"), {}).checks[0].outcome
        for figures in (rises, falls)
    ]

    assert outcomes == ["fail", "pass"]


def test_a_loss_that_one_look_would_show_is_not_shown_among_many() -> None:
    loss, nothing = compared(-0.021), compared(0.0)  # one-sided p = 0.02

    alone = decided(gate(NO_REGRESSION), whole=loss)
    among = decided(gate(NO_REGRESSION), whole=nothing, a=loss, b=nothing, c=nothing, d=nothing)

    assert (alone.passed, among.passed) == (False, True)


@pytest.mark.parametrize(
    ("gate_says", "rule_says", "passed"),
    [
        pytest.param({}, {}, False, id="default"),
        pytest.param({"undecided": "warn"}, {}, True, id="gate-warns"),
        pytest.param({}, {"undecided": "warn"}, True, id="rule-warns"),
        pytest.param({"undecided": "warn"}, {"undecided": "fail"}, False, id="rule-fails"),
    ],
)
def test_the_file_says_whether_doubt_fails(
    *, gate_says: dict[str, str], rule_says: dict[str, str], passed: bool
) -> None:
    found = decided(gate(NO_REGRESSION | rule_says, **gate_says), whole=compared(0.0, n=5))

    assert found.passed is passed
    assert found.checks[0].reason.startswith("insufficient data: 5 pairs")


def test_a_cohort_that_was_named_and_not_seen_is_undecided() -> None:
    found = decided(gate(NO_REGRESSION | {"cohorts": ["billing"]}), whole=compared(0.0))

    assert (found.passed, found.failed_cohorts) == (False, ("billing",))
    assert found.checks[0].reason == "insufficient data: no recall@5 here; nothing was seen of this cohort"


@pytest.mark.parametrize(
    ("cohorts", "looked_at"),
    [("whole", ["*"]), ("each", ["a", "b"]), ("all", ["*", "a", "b"]), (["b"], ["b"])],
)
def test_a_rule_looks_at_the_cohorts_that_it_names(cohorts: Any, looked_at: list[str]) -> None:
    found = decided(
        gate(NO_REGRESSION | {"cohorts": cohorts}), whole=compared(0.0), a=compared(0.0), b=compared(0.0)
    )

    assert [check.cohort for check in found.checks] == looked_at


@pytest.mark.parametrize(
    ("cohorts", "seen"),
    [
        pytest.param({"cohorts": "each"}, [], id="each, no trace"),
        pytest.param({"cohorts": "all"}, [], id="all, a report without cohorts"),
        pytest.param({"cohorts": "each"}, [""], id="each, a dimension that nothing has"),
        pytest.param({}, [""], id="by itself, a dimension that nothing has"),
    ],
)
def test_a_rule_about_families_does_not_pass_where_none_was_seen(
    cohorts: dict[str, str], seen: list[str]
) -> None:
    found = decided(gate(NO_REGRESSION | cohorts), whole=compared(0.0), **dict.fromkeys(seen, compared(0.0)))

    undecided = [(check.cohort, check.outcome) for check in found.checks if check.cohort != "*"]
    assert (found.passed, undecided) == (False, [("", "undecided")])
    assert found.checks[-1].reason.startswith("insufficient data: no cohort was seen")


def test_what_has_no_family_is_held_to_the_rule_beside_those_that_have() -> None:
    found = decided(gate(NO_REGRESSION | {"cohorts": "each"}), a=compared(0.0), **{"": compared(-0.3)})

    assert [(check.cohort, check.outcome) for check in found.checks] == [("a", "pass"), ("", "fail")]


def test_a_metric_without_direction_takes_limits_only() -> None:
    asked = gate({"kind": "no-regression", "metric": "traces"})
    found = evidence({"whole": compared(1.0)}, metric="traces")

    with pytest.raises(GateFileError, match="traces is neither better high nor low: write a limit"):
        decide(asked, found, {})


def test_a_limit_on_what_has_no_interval_says_how_to_read_it() -> None:
    asked = gate({"kind": "limit", "metric": "traces", "at_least": 100})
    found = decide(asked, evidence({"whole": compared(1.0, None, candidate=500.0)}, metric="traces"), {})

    assert found.checks[0].outcome == "undecided"
    assert found.checks[0].reason == (
        'not shown to be at least 100: its interval has no lower end; holds = "point" reads the value alone'
    )


def test_churn_of_live_traces_takes_a_limit() -> None:
    pairs = {"base": value(None), "candidate": value(None), "difference": value(0.3, 0.05), "paired": True}
    rules = ({"kind": "limit", "metric": "churn@5", "at_most": bound} for bound in (0.4, 0.2))

    found = decide(gate(*rules), evidence({"whole": pairs}, metric="churn@5"), {})

    assert [check.outcome for check in found.checks] == ["pass", "fail"]
    with pytest.raises(GateFileError, match="churn@5 is neither better high nor low: write a limit"):
        decide(
            gate({"kind": "no-regression", "metric": "churn@5", "cohorts": "whole"}),
            evidence({"whole": pairs}, metric="churn@5"),
            {},
        )


def test_an_unproven_evaluator_decides_only_where_the_file_allows_it() -> None:
    unproven = {"recall@5": Standing(proven=False, reason="no human labels of x", notes=("unproven: x",))}

    asked = decided(gate(NO_REGRESSION), unproven, whole=compared(0.1))
    allowed = decided(gate(NO_REGRESSION, allow_unproven=True), unproven, whole=compared(0.1))

    assert (asked.passed, allowed.passed) == (False, True)
    assert asked.checks[0].reason == (
        "unproven evaluator: no human labels of x; or set allow_unproven = true"
    )
    assert allowed.checks[0].notes == ("unproven: x",)


def test_each_of_several_unproven_evaluators_is_named_once() -> None:
    two = Standing(proven=False, reason="no a; no b", notes=("unproven: no a", "unproven: no b", "and c"))

    asked = decided(gate(NO_REGRESSION), {"recall@5": two}, whole=compared(0.1))

    assert asked.checks[0].reason == "unproven evaluator: no a; no b; or set allow_unproven = true"
    assert asked.checks[0].notes == ("and c",)


def test_the_end_of_the_interval_has_the_p_value_of_its_tail() -> None:
    estimate = Value(value=0.3, low=0.1, high=0.4, n=21)

    assert p_above(estimate, 0.1, df=20) == pytest.approx(0.025)
    assert p_below(estimate, 0.4, df=20) == pytest.approx(0.025)
    assert p_above(estimate, 0.3, df=20) == 1.0
    assert p_above(Value(value=0.3, low=None, high=0.4, n=21), 0.1, df=20) is None


def test_holms_p_values_are_those_of_the_textbook() -> None:
    # Holm 1979: step down, multiply by the hypotheses left, never fall.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
