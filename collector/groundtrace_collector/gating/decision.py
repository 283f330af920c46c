"""Decides a gate: each rule in each of its cohorts passes, fails or stays undecided. Pure.

Two risks are kept apart. *Blaming*: a check fails only when the data show that it is violated, one-sided, with
Holm's correction over all checks of the gate, so a candidate that violates none is blamed with at most the
gate's level. *Passing*: non-inferiority and limits by interval pass only when the 95 % interval keeps the bound,
which a candidate that violates the rule reaches with at most 2.5 %; since every rule must pass, this needs no
correction. What lies between is undecided, and the file says whether that fails. A rule that nothing can pass
without data never passes without data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from groundtrace_collector.gating.evidence import NOTHING, Compared, Evidence, families
from groundtrace_collector.gating.gate_file import GateFileError, Limit, NonInferiority, NoRegression
from groundtrace_collector.gating.tails import holm, p_above, p_below
from groundtrace_collector.query.compare import WHOLE
from groundtrace_collector.query.intervals import Value
from groundtrace_collector.query.metrics import MIN_N

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.gating.gate_file import GateFile, Rule, Settings
    from groundtrace_collector.gating.proving import Standing

Outcome = Literal["pass", "fail", "undecided"]
_NO_FAMILY = ""
"""The cohort of what has no value in the dimension; where nothing has one, it stands for those that were not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule in one cohort. ``blocks`` says whether it fails the gate."""

    rule: Rule
    cohort: str
    compared: Compared | None
    outcome: Outcome
    reason: str
    blocks: bool
    p_violated: float | None = None
    """One-sided p-value of a violation, adjusted by Holm over the gate; None where the rule is not a test."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decided gate."""

    name: str
    evidence: Evidence
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing blocks the release."""
        return not any(check.blocks for check in self.checks)

    @property
    def failed_cohorts(self) -> tuple[str, ...]:
        """The cohorts in which a check blocks, in the order they were compared."""
        blocked = {check.cohort for check in self.checks if check.blocks}
        named = [key for key in self.evidence.cohorts if key in blocked]
        return tuple(dict.fromkeys([*named, *sorted(blocked)]))


def decide(gate: GateFile, evidence: Evidence, standings: Mapping[str, Standing]) -> Decision:
    """Hold the evidence against each rule. ``standings`` go by metric, for those that an evaluator makes.

    Raises GateFileError for a rule that makes no sense for its metric.
    """
    looks = [
        _look(rule, cohort, evidence, gate.gate, standings.get(rule.metric))
        for rule in gate.rule
        for cohort in _cohorts(rule, evidence)
    ]
    tested = [place for place, look in enumerate(looks) if look.p_violated is not None]
    corrected = holm([looks[place].p_violated or 0.0 for place in tested])
    for place, p_value in zip(tested, corrected, strict=True):
        looks[place] = _blamed(replace(looks[place], p_violated=p_value), gate.gate.level)
    checks = tuple(_weighed(look, gate.gate) for look in looks)
    return Decision(name=gate.gate.name, evidence=evidence, checks=checks)


def _cohorts(rule: Rule, evidence: Evidence) -> Sequence[str]:
    match rule.cohorts:
        case "whole":
            return (WHOLE,)
        case "each":
            return families(evidence) or (_NO_FAMILY,)
        case "all":
            # A rule that says nothing of cohorts is about the families only where there are some.
            unseen = (_NO_FAMILY,) if "cohorts" in rule.model_fields_set else ()
            return (WHOLE, *(families(evidence) or unseen))
        case named:
            return list(dict.fromkeys(named))


def _look(
    rule: Rule, cohort: str, evidence: Evidence, settings: Settings, standing: Standing | None
) -> Check:
    """The rule in the cohort by itself: passed or undecided, and how surely it is violated."""
    compared = evidence.found.get((cohort, rule.metric))
    undecided = Check(
        rule=rule,
        cohort=cohort,
        compared=compared,
        outcome="undecided",
        reason="",
        blocks=False,
        notes=standing.notes if standing else (),
    )
    if rule.cohorts in ("each", "all") and cohort == _NO_FAMILY and not any(families(evidence)):
        why = "no cohort was seen: is the dimension written as the traces or rows have it?"
        return replace(undecided, reason=f"insufficient data: {why}")
    if compared is None:
        known = sorted({name for _, name in evidence.found})
        why = "nothing was seen of this cohort" if rule.metric in known else f"there is {', '.join(known)}"
        return replace(undecided, reason=f"insufficient data: no {rule.metric} here; {why}")
    missing = _insufficient(rule, compared, rule.min_n or settings.min_n)
    if missing:
        return replace(undecided, reason=f"insufficient data: {missing}")
    allowed = settings.allow_unproven if rule.allow_unproven is None else rule.allow_unproven
    if standing is not None and not standing.proven and not allowed:
        return replace(
            undecided,
            reason=f"unproven evaluator: {standing.reason}; or set allow_unproven = true",
            notes=tuple(
                note for note in standing.notes if note.removeprefix("unproven: ") not in standing.reason
            ),
        )
    match rule:
        case Limit():
            return _limit(undecided, rule, compared)
        case NonInferiority():
            return _bounded(undecided, compared, bound=rule.delta, words=f"worse by less than {rule.delta:g}")
        case NoRegression():
            return _no_regression(undecided, compared)


def _insufficient(rule: Rule, compared: Compared, min_n: int) -> str:
    """Why there is too little to judge by; empty when there is enough."""
    if rule.metric == "margin" and not isinstance(rule, Limit) and compared.difference.value is None:
        return "margins of two embedding spaces have no difference; use margin_auroc, or a limit"
    n = compared.candidate.n if isinstance(rule, Limit) else compared.n
    if n < min_n:
        return f"{n} {'pairs' if compared.paired else 'traces'}, and the rule needs {min_n}"
    if compared.clusters is not None and compared.clusters < MIN_N:
        return (
            f"{n} rows are of {compared.clusters} queries or documents, and a verdict needs {MIN_N} of these"
        )
    judged = compared.candidate if isinstance(rule, Limit) else compared.difference
    return "" if judged.value is not None else f"the {rule.metric} of this comparison is undefined"


def _limit(check: Check, rule: Limit, compared: Compared) -> Check:
    own, df = compared.candidate, float((compared.clusters or compared.candidate.n) - 1)
    least = rule.at_least is not None
    bound = rule.at_least if rule.at_least is not None else rule.at_most or 0.0
    words = f"{'at least' if least else 'at most'} {bound:g}"
    kept = own.value is not None and (own.value >= bound if least else own.value <= bound)
    if rule.holds == "point":
        outcome: Outcome = "pass" if kept else "fail"
        return replace(
            check, outcome=outcome, reason=f"the value is {words}" if kept else f"the value is not {words}"
        )
    end = own.low if least else own.high
    violated = p_below(own, bound, df=df) if least else p_above(own, bound, df=df)
    if end is not None and (end >= bound if least else end <= bound):
        return replace(check, outcome="pass", p_violated=violated, reason=f"the interval is {words}")
    beyond = "the interval reaches beyond"
    if end is None:
        beyond = (
            f'its interval has no {"lower" if least else "upper"} end; holds = "point" reads the value alone'
        )
    return replace(check, p_violated=violated, reason=f"not shown to be {words}: {beyond}")


def _loss(compared: Compared) -> Value:
    """By how much the candidate is worse, whatever the metric's direction."""
    given = compared.difference
    if compared.direction == "lower":
        return given
    value, low, high = (None if each is None else -each for each in (given.value, given.high, given.low))
    return Value(value=value, low=low, high=high, n=given.n)


def _df(compared: Compared) -> float:
    return float((compared.clusters or compared.difference.n) - (1 if compared.paired else 2))


def _bounded(check: Check, compared: Compared, *, bound: float, words: str) -> Check:
    _directed(check.rule, compared)
    loss = _loss(compared)
    violated = p_above(loss, bound, df=_df(compared))
    if loss.high is not None and loss.high < bound:
        return replace(check, outcome="pass", p_violated=violated, reason=f"the interval is {words}")
    return replace(check, p_violated=violated, reason=f"not shown to be {words}: the interval reaches beyond")


def _no_regression(check: Check, compared: Compared) -> Check:
    _directed(check.rule, compared)
    violated = p_above(_loss(compared), 0.0, df=_df(compared))
    if violated is None:
        return replace(check, reason="insufficient data: the difference has no interval")
    return replace(check, outcome="pass", p_violated=violated, reason="not shown to be worse")


def _directed(rule: Rule, compared: Compared) -> None:
    if compared.direction is None:
        raise GateFileError(
            f"{rule.metric} is neither better high nor low: write a limit instead of {rule.kind}"
        )


def _blamed(check: Check, level: float) -> Check:
    """Failed when its corrected p-value says so."""
    if check.p_violated is None or check.p_violated > level:
        return check
    match check.rule:
        case Limit(at_least=float(bound)):
            reason = f"is below {bound:g}"
        case Limit(at_most=bound):
            reason = f"is above {bound:g}"
        case NonInferiority(delta=bound):
            reason = f"is worse by more than {bound:g}"
        case _:
            reason = "is worse"
    return replace(check, outcome="fail", reason=reason)


def _weighed(check: Check, settings: Settings) -> Check:
    stands = (check.rule.undecided or settings.undecided) == "fail"
    return replace(check, blocks=check.outcome == "fail" or (check.outcome == "undecided" and stands))


def as_json(decision: Decision) -> dict[str, Any]:
    """The decision for machines: `{"gate", "passed", "source", "base", "candidate", "failed_cohorts", "checks"}`."""
    return {
        "gate": decision.name,
        "passed": decision.passed,
        "source": decision.evidence.source,
        "base": decision.evidence.base,
        "candidate": decision.evidence.candidate,
        "failed_cohorts": list(decision.failed_cohorts),
        "checks": [_check_json(check) for check in decision.checks],
    }


def _check_json(check: Check) -> dict[str, Any]:
    compared = check.compared
    sides = ("base", "candidate", "difference")
    values = [NOTHING] * 3 if compared is None else [compared.base, compared.candidate, compared.difference]
    return {
        "rule": check.rule.model_dump(exclude_none=True),
        "metric": check.rule.metric,
        "cohort": check.cohort,
        "outcome": check.outcome,
        "blocks": check.blocks,
        "reason": check.reason,
        "p_violated": check.p_violated,
        "paired": compared.paired if compared else False,
        **{side: value.as_json() for side, value in zip(sides, values, strict=True)},
        "notes": list(check.notes),
    }
