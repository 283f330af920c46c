"""Model change against data change: old and new corpus times old and new encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from groundtrace_collector.query.intervals import ALPHA, adjusted
from groundtrace_collector.replay.measure import measure
from groundtrace_collector.replay.plan import cluster_codes, cohort_keys, dataset_facts, plan
from groundtrace_collector.replay.ranking import row_measures
from groundtrace_collector.replay.replay import MIN_N, SEED, check_spaces, cohort_places, figure, verdict
from groundtrace_collector.replay.report import Effect, FourCells, FourCellsCohort, TwoByTwoReport
from groundtrace_collector.replay.sample import Sample, combined, interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from groundtrace_collector.datasets.row import Row
    from groundtrace_collector.replay.encoders import Encoder
    from groundtrace_collector.replay.plan import Corpus
    from groundtrace_collector.replay.replay import Settings
    from groundtrace_collector.replay.sample import Estimate

    Cells = Mapping[str, NDArray[np.float64]]
    """One measure of every row, by cell."""

CELLS: Final = ("base_base", "candidate_base", "base_candidate", "candidate_candidate")
"""Encoder, then corpus."""
_CONTRASTS: Final = {
    "encoder": (-0.5, 0.5, -0.5, 0.5),
    "corpus": (-0.5, -0.5, 0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
}
_AUROC: Final = "margin_auroc"


def replay_two_by_two(
    name: str,
    rows: Sequence[Row],
    corpora: tuple[Corpus, Corpus],
    encoders: tuple[Encoder, Encoder],
    settings: Settings,
    *,
    now: datetime,
) -> TwoByTwoReport:
    """Run both encoders over both corpora (base first) and part what the encoder changes from what the data does.

    Raises ReplayError as `replay`.
    """
    keys = cohort_keys(rows, settings.by)
    works = [plan(rows, corpus) for corpus in corpora]
    measured = [measure(encoder, work, settings.k) for work in works for encoder in encoders]
    same_space = check_spaces(measured[0], measured[1])
    rated = [
        row_measures(work, each.ranked, settings.k)
        for work, each in zip((works[0], works[0], works[1], works[1]), measured, strict=True)
    ]
    values = {metric: dict(zip(CELLS, [each[metric] for each in rated], strict=True)) for metric in rated[0]}
    positive = dict(zip(CELLS, [each.ranked.positive for each in measured], strict=True))
    negative = dict(zip(CELLS, [each.ranked.negative for each in measured], strict=True))
    warnings = [
        f"{corpus.name}: {said}"
        for corpus, work in zip(corpora, works, strict=True)
        for said in work.warnings()
    ]
    if same_space:
        warnings.append("both encoders are one: only the corpus can change anything")
    return TwoByTwoReport(
        created_at=now,
        dataset=dataset_facts(name, rows),
        base_corpus=corpora[0].facts(),
        candidate_corpus=corpora[1].facts(),
        k=settings.k,
        by=settings.by,
        cluster=settings.cluster,
        base=measured[0].facts,
        candidate=measured[1].facts,
        warnings=tuple(warnings),
        cohorts=tuple(
            effects(values, positive, negative, keys, cluster_codes(rows, settings.cluster)),
        ),
    )


def effects(
    values: Mapping[str, Cells],
    positive: Cells,
    negative: Cells,
    keys: Sequence[str],
    clusters: Sequence[int],
) -> list[FourCellsCohort]:
    """Cells and effects of each cohort, over the rows that all four cells know. Pure.

    Verdicts are adjusted over the cohorts, for each measure and effect.
    """
    found = {}
    for key, places in cohort_places(keys).items():
        sample = Sample([clusters[place] for place in places], seed=SEED)
        metrics = {
            metric: _four([sample.mean(each) for each in _common(_at(cells, places))], sample.clusters)
            for metric, cells in values.items()
        }
        highs, lows = _common(_at(positive, places)), _common(_at(negative, places))
        shares = [sample.auroc(high, low) for high, low in zip(highs, lows, strict=True)]
        metrics[_AUROC] = _four(shares, sample.clusters)
        found[key] = FourCellsCohort(key=key, rows=sample.rows, clusters=sample.clusters, metrics=metrics)
    return _judged(found)


def _at(cells: Cells, places: NDArray[np.intp]) -> list[NDArray[np.float64]]:
    return [cells[name][places] for name in CELLS]


def _common(cells: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """The cells with NaN wherever one of them is."""
    unknown = np.isnan(np.sum(cells, axis=0))
    return [np.where(unknown, np.nan, each) for each in cells]


def _four(cells: Sequence[Estimate | None], clusters: int) -> FourCells:
    return FourCells(
        **{name: figure(each, "rate") for name, each in zip(CELLS, cells, strict=True)},
        **{name: _effect(weights, cells, clusters) for name, weights in _CONTRASTS.items()},
    )


def _effect(weights: Sequence[float], cells: Sequence[Estimate | None], clusters: int) -> Effect:
    known = [(weight, each) for weight, each in zip(weights, cells, strict=True) if each is not None]
    if len(known) < len(CELLS):
        return _undecided(None, None, None, None, 0)
    estimate = combined(known)
    # An interaction lies in [-2, 2]: halved it is a difference of rates, as both effects are.
    scale = 2.0 if max(weights) == 1 else 1.0
    bounds = interval(combined([(1 / scale, estimate)]), "rate difference")
    low, high = (None if bound is None else scale * bound for bound in (bounds.low, bounds.high))
    enough = min(estimate.n, clusters) >= MIN_N
    return _undecided(estimate.value, low, high, bounds.p_value if enough else None, estimate.n)


def _undecided(
    value: float | None, low: float | None, high: float | None, p_value: float | None, n: int
) -> Effect:
    """An effect before its cohort's p-values are adjusted; without one it stays so."""
    return Effect(
        value=value,
        low=low,
        high=high,
        n=n,
        p_value=p_value,
        adjusted_p_value=None,
        verdict="insufficient data",
    )


def _judged(cohorts: Mapping[str, FourCellsCohort]) -> list[FourCellsCohort]:
    metrics = {key: dict(each.metrics) for key, each in cohorts.items()}
    for metric in next(iter(cohorts.values())).metrics:
        for name in _CONTRASTS:
            held = {key: getattr(each.metrics[metric], name) for key, each in cohorts.items()}
            enough = {key: each for key, each in held.items() if each.p_value is not None}
            p_values = adjusted([each.p_value for each in enough.values()])
            for (key, each), p_value in zip(enough.items(), p_values, strict=True):
                decided = each.model_copy(
                    update={"adjusted_p_value": p_value, "verdict": _verdict(name, each.value, p_value)}
                )
                metrics[key][metric] = metrics[key][metric].model_copy(update={name: decided})
    return [each.model_copy(update={"metrics": metrics[key]}) for key, each in cohorts.items()]


def _verdict(effect: str, value: float, p_value: float) -> str:
    if effect != "interaction":
        return verdict(value, p_value)
    return "interaction" if p_value <= ALPHA and value else "no interaction"
