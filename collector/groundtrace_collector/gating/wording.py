"""The words and figures of a check, the same in every report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtrace_collector.commands.table import clean, interval, number
from groundtrace_collector.query.compare import WHOLE

if TYPE_CHECKING:
    from groundtrace_collector.gating.decision import Check, Decision
    from groundtrace_collector.gating.evidence import Compared


_SMALLEST_P = 1e-4
"""Below it a tail is not known as exactly as its figure would say."""


def cohort_name(key: str) -> str:
    """A cohort as people read it, on one line."""
    if key == WHOLE:
        return "all traffic"
    return clean(key) or "(none)"


def title(decision: Decision) -> str:
    """What was decided on: the gate, the sides, where the figures are from."""
    evidence = decision.evidence
    return clean(f"{decision.name}: {evidence.candidate} against {evidence.base}, {evidence.source}")


def outcome(check: Check) -> str:
    """One word, or two where it is undecided: whether that fails the gate."""
    if check.outcome != "undecided":
        return check.outcome
    return "undecided, fails" if check.blocks else "undecided, warns"


def about(check: Check) -> str:
    """The rule, its metric and the cohort."""
    return f"{check.rule.kind} {clean(check.rule.metric)}, {cohort_name(check.cohort)}"


def why(check: Check) -> str:
    """The reason, the corrected p-value where the check is a test, and the notes."""
    p = check.p_violated
    tested = "" if p is None else " (p < 0.0001)" if p < _SMALLEST_P else f" (p = {number(p)})"
    return clean("; ".join([check.reason + tested, *check.notes]))


def figures(check: Check) -> tuple[str, str, str, str]:
    """Base, candidate and difference with their intervals, and n; dashes where nothing was seen."""
    compared = check.compared
    if compared is None:
        return "-", "-", "-", "0"
    sides = (compared.base, compared.candidate, compared.difference)
    base, candidate, difference = (interval(value.as_json()) for value in sides)
    return base, candidate, difference, _counted(compared)


def _counted(compared: Compared) -> str:
    if compared.paired and compared.difference.n:
        return f"{compared.n} pairs"
    return f"{compared.base.n} and {compared.candidate.n}" if compared.base.n else str(compared.candidate.n)


def summary(decision: Decision) -> str:
    """The verdict in one line, naming the cohorts that fail."""
    counts = [
        f"{count} {word}"
        for word in ("pass", "fail", "undecided, fails", "undecided, warns")
        if (count := sum(outcome(check) == word for check in decision.checks))
    ]
    failed = ", ".join(cohort_name(key) for key in decision.failed_cohorts)
    verdict = "PASS" if decision.passed else f"FAIL in {failed}"
    return f"{verdict} ({'; '.join(counts) or 'no check'})"
