"""What a gate is decided on: both sides of each metric in each cohort, from live traces or a replay. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from groundtrace_collector.query.compare import WHOLE
from groundtrace_collector.query.intervals import Value
from groundtrace_collector.query.metrics import Direction, Form, metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.replay.report import Figure, Report


NOTHING: Final = Value(value=None, low=None, high=None, n=0)
"""A side, or a difference, that a comparison does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One metric of both sides in one cohort, with 95 % intervals; ``difference`` is candidate minus base."""

    base: Value
    candidate: Value
    difference: Value
    paired: bool
    direction: Direction | None
    clusters: int | None = None
    """Groups of rows that a replay draws together; None where nothing is known to be grouped."""

    @property
    def n(self) -> int:
        """Pairs, or traces on the smaller side."""
        return self.difference.n if self.paired else min(self.base.n, self.candidate.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A whole comparison. ``cohorts`` are keys, the whole (`*`) first; ``found`` goes by cohort and metric."""

    source: str
    base: str
    candidate: str
    cohorts: tuple[str, ...]
    found: Mapping[tuple[str, str], Compared]


def of_comparison(answer: Mapping[str, Any]) -> Evidence:
    """The evidence in an answer of `GET /api/v1/compare`."""
    return Evidence(
        source=f"live traces by {answer['by']}",
        base=answer["base"],
        candidate=answer["candidate"],
        cohorts=tuple(cohort["key"] for cohort in answer["cohorts"]),
        found={
            (cohort["key"], name): _live(name, each)
            # Backwards, so that a family which is itself called `*` yields to the whole.
            for cohort in reversed(answer["cohorts"])
            for name, each in cohort["metrics"].items()
        },
    )


def _live(name: str, each: Mapping[str, Any]) -> Compared:
    of = metric(name)
    difference = _value(each["difference"])
    return Compared(
        base=_value(each["base"]),
        # What only a pair has, such as churn, is held against limits like a candidate's own value.
        candidate=difference if of.form is Form.PAIR else _value(each["candidate"]),
        difference=difference,
        paired=each["paired"],
        direction=of.direction,
    )


def with_own(
    evidence: Evidence, whole: Sequence[Mapping[str, Any]], cohorts: Sequence[Mapping[str, Any]]
) -> Evidence:
    """With metrics of the candidate alone, from answers of `GET /api/v1/cohorts`: they take limits only."""
    keyed = [*((cohort["key"], cohort) for cohort in cohorts), *((WHOLE, cohort) for cohort in whole)]
    own = {
        (key, name): _alone(NOTHING, _value(each))
        for key, cohort in keyed
        for name, each in cohort["metrics"].items()
    }
    return replace(evidence, found={**evidence.found, **own})


def of_replay(report: Report) -> Evidence:
    """The evidence in a report of `groundtrace replay`.

    Churn is one figure of both encoders, so it has no difference; the time of a query is of the whole only.
    """
    found = {
        (cohort.key, name): Compared(
            base=_figure(each.base),
            candidate=_figure(each.candidate),
            difference=_figure(each.difference),
            paired=each.paired,
            direction=each.direction,
            clusters=cohort.clusters,
        )
        for cohort in report.cohorts
        for name, each in cohort.metrics.items()
    }
    churn = {
        (cohort.key, name): _alone(NOTHING, _figure(each), clusters=cohort.clusters)
        for cohort in report.cohorts
        for name, each in cohort.churn.items()
    }
    query_ms = {
        (WHOLE, "query_ms"): _alone(_figure(report.base.query_ms), _figure(report.candidate.query_ms))
    }
    return Evidence(
        source=f"replay of {report.dataset.name} ({report.dataset.rows} rows)",
        base=report.base.name,
        candidate=report.candidate.name,
        cohorts=tuple(cohort.key for cohort in report.cohorts),
        found=found | churn | query_ms,
    )


def families(evidence: Evidence) -> tuple[str, ...]:
    """The cohorts beside the whole."""
    return tuple(key for key in dict.fromkeys(evidence.cohorts) if key != WHOLE)


def _value(given: Mapping[str, Any]) -> Value:
    return Value(value=given["value"], low=given["low"], high=given["high"], n=given["n"])


def _figure(given: Figure) -> Value:
    return Value(value=given.value, low=given.low, high=given.high, n=given.n)


def _alone(base: Value, candidate: Value, *, clusters: int | None = None) -> Compared:
    """A figure that takes limits only."""
    return Compared(
        base=base,
        candidate=candidate,
        difference=NOTHING,
        paired=False,
        direction=None,
        clusters=clusters,
    )
