"""Two encoders over the same rows and the same corpus, compared cohort by cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from groundtrace_collector.query.intervals import ALPHA, adjusted
from groundtrace_collector.replay.measure import mean_figures, measure
from groundtrace_collector.replay.plan import cluster_codes, cohort_keys, dataset_facts, plan
from groundtrace_collector.replay.ranking import churn_measures, gains, row_measures
from groundtrace_collector.replay.report import WHOLE, Cohort, Compared, Figure, Judged, ReplayError, Report
from groundtrace_collector.replay.sample import Sample, combined, interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from groundtrace_collector.datasets.row import Row
    from groundtrace_collector.replay.encoders import Encoder
    from groundtrace_collector.replay.measure import Measured
    from groundtrace_collector.replay.plan import Corpus, Plan
    from groundtrace_collector.replay.report import Cluster, Verdict
    from groundtrace_collector.replay.sample import Estimate, Interval, Range

    Floats = NDArray[np.float64]

MIN_N: Final = 20
"""Fewer rows, or fewer clusters of rows, are no ground for a verdict (DESIGN section 3)."""
SEED: Final = 20_261_122
_SAME: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is measured: cut-offs, the cohort dimension and what is drawn together."""

    k: tuple[int, ...] = (5, 10)
    by: str | None = None
    cluster: Cluster = "query"


def replay(
    name: str,
    rows: Sequence[Row],
    corpus: Corpus,
    base: Encoder,
    candidate: Encoder,
    settings: Settings,
    *,
    now: datetime,
) -> Report:
    """Run both encoders and report what differs.

    Raises ReplayError for rows or a corpus that cannot be replayed, an encoder that fails, and two encoders of
    one fingerprint whose vectors differ.
    """
    keys = cohort_keys(rows, settings.by)
    work = plan(rows, corpus)
    first, second = measure(base, work, settings.k), measure(candidate, work, settings.k)
    same_space = check_spaces(first, second)
    cohorts = compared_cohorts(
        work, first, second, keys, cluster_codes(rows, settings.cluster), settings.k, same_space=same_space
    )
    warnings = work.warnings()
    if same_space:
        warnings.append(
            f"both encoders have the fingerprint {first.facts.fingerprint}: this compares an encoder with itself"
        )
    return Report(
        created_at=now,
        dataset=dataset_facts(name, rows),
        corpus=corpus.facts(),
        k=settings.k,
        by=settings.by,
        cluster=settings.cluster,
        base=first.facts,
        candidate=second.facts,
        warnings=tuple(warnings),
        cohorts=tuple(cohorts),
    )


def check_spaces(base: Measured, candidate: Measured) -> bool:
    """Whether both encoders share one space; raises ReplayError where only the fingerprint says so."""
    if base.facts.fingerprint != candidate.facts.fingerprint:
        return False
    one, other = base.probe, candidate.probe
    if one.shape != other.shape or not np.allclose(one, other, atol=_SAME):
        raise ReplayError(
            f"{base.facts.address} and {candidate.facts.address} have one fingerprint"
            f" ({base.facts.fingerprint}) but give different vectors: name their version"
            " (#version=… or the attribute model_version), so that their spaces are not mixed"
        )
    return True


def compared_cohorts(
    work: Plan,
    base: Measured,
    candidate: Measured,
    keys: Sequence[str],
    clusters: Sequence[int],
    k: Sequence[int],
    *,
    same_space: bool,
) -> list[Cohort]:
    """The whole and each cohort by name, with verdicts adjusted over them. Pure."""
    sides = [row_measures(work, each.ranked, k) for each in (base, candidate)]
    churn = churn_measures(base.ranked.found, candidate.ranked.found, k)
    judged = {str(each): gains(work, base.ranked, candidate.ranked, each) for each in k}
    found = {}
    for name, places in cohort_places(keys).items():
        sample = Sample([clusters[place] for place in places], seed=SEED)
        rated = {metric: _compared(sample, [side[metric][places] for side in sides]) for metric in sides[0]}
        margins = _margins(sample, base, candidate, places, same_space=same_space)
        found[name] = Cohort(
            key=name,
            rows=sample.rows,
            clusters=sample.clusters,
            metrics=rated | margins,
            churn=mean_figures({metric: values[places] for metric, values in churn.items()}, sample),
            judged={
                each: Judged(gained=int(both[0][places].sum()), lost=int(both[1][places].sum()))
                for each, both in judged.items()
            },
        )
    return judge(found)


def cohort_places(keys: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """Which rows each cohort has: the whole first, then by name."""
    names = [WHOLE, *sorted({key for key in keys if key != WHOLE})]
    return {
        name: np.asarray([place for place, key in enumerate(keys) if name in (WHOLE, key)], dtype=np.intp)
        for name in names
    }


def _compared(sample: Sample, sides: Sequence[Floats]) -> Compared:
    """A rate of each row: means, and the mean of the rows' differences."""
    base, candidate = sides
    return _pair(
        [sample.mean(each) for each in sides],
        "rate",
        wins=int((candidate > base).sum()),
        losses=int((candidate < base).sum()),
        comparable=True,
    )


def _margins(
    sample: Sample, base: Measured, candidate: Measured, places: NDArray[np.intp], *, same_space: bool
) -> dict[str, Compared]:
    """`margin` on each encoder's own scale, `margin_auroc` without one, over rows that both can score."""
    known = ~(np.isnan(base.ranked.positive[places]) | np.isnan(candidate.ranked.positive[places]))
    sides = [
        (
            np.where(known, each.ranked.positive[places], np.nan),
            np.where(known, each.ranked.negative[places], np.nan),
        )
        for each in (base, candidate)
    ]
    told = [positive > negative for positive, negative in sides]
    wins, losses = int((told[1] & ~told[0]).sum()), int((told[0] & ~told[1]).sum())
    means = [sample.mean(positive - negative) for positive, negative in sides]
    shares = [sample.auroc(positive, negative) for positive, negative in sides]
    return {
        "margin": _pair(means, "unbounded", wins=wins, losses=losses, comparable=same_space),
        "margin_auroc": _pair(shares, "rate", wins=wins, losses=losses, comparable=True),
    }


def _pair(
    sides: Sequence[Estimate | None], within: Range, *, wins: int, losses: int, comparable: bool
) -> Compared:
    base, candidate = sides
    difference, p_value = figure(None, "unbounded"), None
    if comparable and base is not None and candidate is not None:
        change = combined([(1, candidate), (-1, base)])
        bounds = interval(change, "rate difference" if within == "rate" else within)
        difference, p_value = _figure(change, bounds), bounds.p_value
    return Compared(
        base=figure(base, within),
        candidate=figure(candidate, within),
        difference=difference,
        wins=wins,
        losses=losses,
        direction="higher",
        p_value=p_value,
        adjusted_p_value=None,
        # Similarities of two spaces are on two scales: their difference is no quantity.
        verdict="insufficient data" if comparable else None,
    )


def figure(estimate: Estimate | None, within: Range) -> Figure:
    """An estimate with its interval; nothing where it is undefined."""
    if estimate is None:
        return Figure(value=None, low=None, high=None, n=0)
    return _figure(estimate, interval(estimate, within))


def _figure(estimate: Estimate, bounds: Interval) -> Figure:
    return Figure(value=estimate.value, low=bounds.low, high=bounds.high, n=estimate.n)


def judge(cohorts: Mapping[str, Cohort]) -> list[Cohort]:
    """Verdicts, metric by metric: p-values adjusted over the cohorts with enough rows. Pure."""
    metrics = {name: dict(each.metrics) for name, each in cohorts.items()}
    for metric in next(iter(cohorts.values())).metrics:
        enough = [name for name, each in cohorts.items() if _enough(each, each.metrics[metric])]
        p_values = adjusted([metrics[name][metric].p_value or 0.0 for name in enough])
        for name, p_value in zip(enough, p_values, strict=True):
            each = metrics[name][metric]
            metrics[name][metric] = each.model_copy(
                update={
                    "adjusted_p_value": p_value,
                    "verdict": verdict(each.difference.value or 0.0, p_value),
                }
            )
    return [each.model_copy(update={"metrics": metrics[name]}) for name, each in cohorts.items()]


def _enough(cohort: Cohort, each: Compared) -> bool:
    return min(cohort.clusters, each.difference.n) >= MIN_N and each.p_value is not None


def verdict(change: float, p_value: float) -> Verdict:
    """What to make of a change of a measure that is better when higher, with its adjusted p-value."""
    if p_value > ALPHA or not change:
        return "no difference"
    return "better" if change > 0 else "worse"
