"""The card of an encoder version: what live traces and replays know of it, and where it is weak. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel

from groundtrace_collector.query.metrics import metric
from groundtrace_collector.replay.report import (
    WHOLE,
    Cohort,
    CorpusFacts,
    DatasetFacts,
    EncoderFacts,
    Figure,
    ReplayError,
    Report,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MIN_N: Final = 20


class _Part(BaseModel, frozen=True, extra="forbid"):
    pass


class CardCohort(_Part):
    """The encoder's own figures in one cohort; `*` is the whole."""

    key: str
    metrics: dict[str, Figure]


class Live(_Part):
    """What its live traces say."""

    by: str
    since: str | None
    cohorts: tuple[CardCohort, ...]


class Replayed(_Part):
    """What one replay says; `verdicts` are the candidate's against the base, so empty for a base."""

    created_at: datetime
    side: Literal["base", "candidate"]
    against: str
    dataset: DatasetFacts
    corpus: CorpusFacts
    by: str | None
    facts: EncoderFacts
    cohorts: tuple[CardCohort, ...]
    verdicts: dict[str, dict[str, Verdict]]


class Weakness(_Part):
    """A cohort that is worse than the encoder's whole, by its interval, or worse than the encoder before it."""

    source: str
    key: str
    metric: str
    figure: Figure
    reason: str


class Card(_Part):
    """All that is known of an encoder version; `unknown` says what is not, and why."""

    kind: Literal["card"] = "card"
    format: Literal[1] = 1
    encoder: str
    created_at: datetime
    live: Live | None
    replays: tuple[Replayed, ...]
    weak: tuple[Weakness, ...]
    unknown: tuple[str, ...]


def live_part(
    whole: Mapping[str, Any], cohorts: Mapping[str, Any], *, since: str | None, encoder: str
) -> Live:
    """From two answers of `/api/v1/cohorts`, by `encoder` and by the dimension, both of this encoder's traces.

    Raises ReplayError where the encoder has no trace.
    """
    mine = [each["metrics"] for each in whole["cohorts"] if each["key"] == encoder]
    if not mine:
        raise ReplayError(
            f"the collector has no trace of the encoder {encoder!r}; see `groundtrace cohorts --by encoder`"
        )
    rows = [(WHOLE, mine[0]), *((each["key"] or "", each["metrics"]) for each in cohorts["cohorts"])]
    return Live(
        by=cohorts["by"],
        since=since,
        cohorts=tuple(
            CardCohort(key=key, metrics={name: Figure.model_validate(each) for name, each in metrics.items()})
            for key, metrics in rows
        ),
    )


def replayed_part(report: Report, encoder: str) -> Replayed:
    """The encoder's side of a report. Raises ReplayError where it is on neither."""
    sides: dict[str, tuple[Literal["base", "candidate"], EncoderFacts, str]] = {
        report.base.name: ("base", report.base, report.candidate.name),
        report.candidate.name: ("candidate", report.candidate, report.base.name),
    }
    if encoder not in sides:
        both = f"{report.base.name} and {report.candidate.name}"
        raise ReplayError(f"the report of {report.dataset.name} is of {both}, not of {encoder}")
    side, facts, against = sides[encoder]
    return Replayed(
        created_at=report.created_at,
        side=side,
        against=against,
        dataset=report.dataset,
        corpus=report.corpus,
        by=report.by,
        facts=facts,
        cohorts=tuple(_own(each, side) for each in report.cohorts),
        verdicts=_verdicts(report.cohorts) if side == "candidate" else {},
    )


def _own(cohort: Cohort, side: Literal["base", "candidate"]) -> CardCohort:
    return CardCohort(
        key=cohort.key, metrics={name: getattr(each, side) for name, each in cohort.metrics.items()}
    )


def _verdicts(cohorts: Iterable[Cohort]) -> dict[str, dict[str, Verdict]]:
    return {
        cohort.key: {name: each.verdict for name, each in cohort.metrics.items() if each.verdict is not None}
        for cohort in cohorts
    }


def card(encoder: str, live: Live | None, replays: Sequence[Replayed], *, now: datetime) -> Card:
    """Put the parts together, and name the weak cohorts."""
    weak = _below_whole("live traces", live.cohorts, live_directions(live)) if live else []
    for each in replays:
        source = f"replay of {each.dataset.name}"
        higher = {name: 1 for cohort in each.cohorts for name in cohort.metrics}
        weak += _below_whole(source, each.cohorts, higher)
        weak += _worse_than_before(source, each)
    unknown = ["collapse and drift: traces and reports keep no vectors, so neither can be told from them"]
    if live is None:
        unknown.append("live traffic: the card is of replays only")
    if not replays:
        unknown.append("fingerprint, dimension and margins: no report of a replay was given (--report)")
    return Card(
        encoder=encoder,
        created_at=now,
        live=live,
        replays=tuple(replays),
        weak=tuple(weak),
        unknown=tuple(unknown),
    )


def live_directions(live: Live) -> dict[str, int]:
    """1 for metrics that are better when higher, -1 when lower; counts are left out."""
    directions = {name: metric(name).direction for name in live.cohorts[0].metrics}
    return {name: 1 if each == "higher" else -1 for name, each in directions.items() if each is not None}


def _below_whole(source: str, cohorts: Sequence[CardCohort], directions: Mapping[str, int]) -> list[Weakness]:
    """Cohorts of at least 20 whose whole interval is on the worse side of the encoder's own value."""
    whole, *parts = cohorts
    found = []
    for part in parts:
        for name, sign in directions.items():
            figure, all_of_it = part.metrics[name], whole.metrics[name].value
            bound = figure.high if sign > 0 else figure.low
            if bound is None or all_of_it is None or figure.n < MIN_N:
                continue
            if sign * (bound - all_of_it) < 0:
                reason = f"its interval is beyond the whole's {all_of_it:.4g}"
                found.append(Weakness(source=source, key=part.key, metric=name, figure=figure, reason=reason))
    return found


def _worse_than_before(source: str, replayed: Replayed) -> list[Weakness]:
    figures = {each.key: each.metrics for each in replayed.cohorts}
    return [
        Weakness(
            source=source,
            key=key,
            metric=name,
            figure=figures[key][name],
            reason=f"worse than {replayed.against}",
        )
        for key, verdicts in replayed.verdicts.items()
        for name, each in verdicts.items()
        if each == "worse"
    ]
