"""Simulated observations as the sums that SQL makes of them, for the functions that the API and the gate call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"


def side_row(values: Floats, clusters: NDArray[np.int_] | None = None, weights: Floats | None = None) -> Any:
    """One side of a rate, a mean or, with ``weights``, a ratio, as `sums.cluster_sums` orders it.

    ``clusters`` are numbers from 0, every one of them used.
    """
    weighed = np.ones(len(values)) if weights is None else weights
    totals, sums = values, weighed
    if clusters is not None:
        totals, sums = (np.bincount(clusters, each).astype(np.float64) for each in (values, weighed))
    return (
        len(values),
        len(totals),
        float(totals.sum()),
        float(sums.sum()),
        float(totals @ totals),
        float(sums @ sums),
        float(totals @ sums),
    )


def pair_row(base: Floats, candidate: Floats) -> Any:
    """Pairs as `sums.pair_sums` orders them."""
    gaps = candidate - base
    sums = (base.sum(), base @ base, candidate.sum(), candidate @ candidate, gaps.sum(), gaps @ gaps)
    return (len(gaps), *map(float, sums), int((gaps > 0).sum()), int((gaps < 0).sum()))


def measure_row(values: Floats) -> Any:
    """A measure of pairs, such as churn, as `sums.pair_sums` orders it."""
    return (len(values), 0, 0, 0, 0, float(values.sum()), float(values @ values), 0, 0)


def quantile_row(values: Floats) -> Any:
    """What `quantile.sql` finds, with every value."""
    return len(values), 1, np.sort(values).tolist()
