"""A decision as text for people, Markdown for a pull request, and JUnit XML for CI. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from groundtrace_collector.gating.wording import about, cohort_name, figures, outcome, summary, title, why

if TYPE_CHECKING:
    from groundtrace_collector.gating.decision import Check, Decision

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")


def text(decision: Decision) -> str:
    """For a terminal or a test's failure: what blocks first."""
    lines = [title(decision), ""]
    for check in _by_weight(decision):
        base, candidate, difference, counted = figures(check)
        lines += [
            f"{outcome(check).upper()}: {about(check)}",
            f"    {why(check)}",
            f"    base {base}, candidate {candidate}, difference {difference}, n {counted}",
        ]
    return "\n".join([*lines, "", summary(decision)]) + "\n"


def markdown(decision: Decision) -> str:
    """For a comment on a pull request: a heading, the verdict, a table with what blocks first."""
    head = ["outcome", "rule", "metric", "cohort", "base", "candidate", "difference", "n", "why"]
    lines = [
        f"## {'✅' if decision.passed else '❌'} {_escaped(title(decision))}",
        "",
        f"**{_escaped(summary(decision))}**",
        "",
        _row(head),
        _row(["---"] * len(head)),
    ]
    for check in _by_weight(decision):
        rule = check.rule
        cells = [
            outcome(check),
            rule.kind,
            rule.metric,
            cohort_name(check.cohort),
            *figures(check),
            why(check),
        ]
        lines.append(_row([_escaped(cell) for cell in cells]))
    return (
        "\n".join([*lines, "", "Intervals are of 95 %, before correction; p by Holm over the gate."]) + "\n"
    )


def junit(decision: Decision) -> str:
    """A test suite with one case for each check; an undecided check that only warns is skipped.

    The elements are those that CI servers agree on (testsuites, testsuite, testcase, failure, skipped).
    """
    blocked = sum(check.blocks for check in decision.checks)
    warned = sum(check.outcome == "undecided" and not check.blocks for check in decision.checks)
    counts = {
        "tests": str(len(decision.checks)),
        "failures": str(blocked),
        "skipped": str(warned),
        "errors": "0",
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": title(decision), **counts})
    for check in decision.checks:
        _case(suite, check)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, check: Check) -> None:
    case = ET.SubElement(
        suite, "testcase", {"classname": f"{check.rule.kind}.{check.rule.metric}", "name": about(check)}
    )
    base, candidate, difference, counted = figures(check)
    detail = f"base {base}, candidate {candidate}, difference {difference}, n {counted}"
    if check.blocks:
        found = {"type": check.outcome, "message": why(check)}
        ET.SubElement(case, "failure", found).text = detail
    elif check.outcome == "undecided":
        ET.SubElement(case, "skipped", {"message": why(check)}).text = detail
    else:
        ET.SubElement(case, "system-out").text = f"{why(check)}; {detail}"


def _by_weight(decision: Decision) -> list[Check]:
    """What blocks, then what warns, then what passes; otherwise as in the file."""
    return sorted(decision.checks, key=lambda check: (not check.blocks, check.outcome == "pass"))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(cell: str) -> str:
    """Text that stays text in Markdown: cohorts are named by traffic, and mention no one."""
    return re.sub(r"(?<!\w)@", "&#64;", _SPECIAL.sub(r"\\\1", cell.replace("&", "&amp;")))
