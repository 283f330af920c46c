"""Reports: every format names the family that fails, with figures; nothing in a name breaks a format."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from groundtrace_collector.gating import reports
from groundtrace_collector.gating.decision import Decision, as_json
from tests.collector.gating.gates import compared, decided, gate

RULE = {"kind": "no-regression", "metric": "recall@5"}


@pytest.fixture
def decision() -> Decision:
    return decided(
        gate(RULE | {"undecided": "warn"}, name="encoders"),
        whole=compared(0.1),
        billing=compared(-0.1),
        rare=compared(0.0, n=3),
    )


def test_the_text_says_what_blocks_first_and_ends_with_the_verdict(decision: Decision) -> None:
    lines = reports.text(decision).splitlines()

    assert lines[0] == "encoders: new against old, live traces by encoder"
    assert lines[2] == "FAIL: no-regression recall@5, billing"
    assert lines[3] == "    is worse (p < 0.0001)"
    assert "candidate 0.5 [0.48, 0.52], difference -0.1 [-0.12, -0.08], n 100 pairs" in lines[4]
    assert lines[-1] == "FAIL in billing (1 pass; 1 fail; 1 undecided, warns)"


def test_json_has_the_figures_of_every_check(decision: Decision) -> None:
    found = as_json(decision)

    assert (found["passed"], found["failed_cohorts"]) == (False, ["billing"])
    assert [check["outcome"] for check in found["checks"]] == ["pass", "fail", "undecided"]
    assert found["checks"][1]["difference"] == pytest.approx(
        {"value": -0.1, "low": -0.12, "high": -0.08, "n": 100}
    )


def test_junit_counts_failures_and_skips(decision: Decision) -> None:
    suites = ET.fromstring(reports.junit(decision))  # noqa: S314  (our own)

    assert (suites.get("tests"), suites.get("failures"), suites.get("skipped")) == ("3", "1", "1")
    (failed,) = [case for case in suites.iter("testcase") if case.find("failure") is not None]
    assert failed.get("name") == "no-regression recall@5, billing"


def test_markdown_is_a_table_with_a_row_a_check(decision: Decision) -> None:
    lines = reports.markdown(decision).splitlines()

    assert lines[0].startswith("## ❌ encoders")
    assert [line.split(" | ")[3] for line in lines if line.startswith("| ")][2:] == [
        "billing",
        "rare",
        "all traffic",
    ]


def test_a_cohort_named_to_break_a_format_stays_text() -> None:
    name = "x|</a>`@all\x00\x1b\n# y"
    found = decided(gate(RULE), **{"whole": compared(0.0), name: compared(-0.1)})

    (row,) = [line for line in reports.markdown(found).splitlines() if line.startswith("| fail")]
    ET.fromstring(reports.junit(found))  # noqa: S314  (our own)

    assert row.replace("\\|", "").count("|") == 10
    assert r"x\|\</a\>\`&#64;all?? \# y" in row
    assert "\x1b" not in reports.text(found)
