"""What one encoder does with each row: exact search in numpy, and the measures of a row. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from groundtrace_evaluators.ndcg import ndcg_at_k
from groundtrace_evaluators.recall import recall_at_k
from groundtrace_evaluators.reciprocal_rank import reciprocal_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from groundtrace_collector.replay.plan import Plan, Question

    Floats: TypeAlias = NDArray[np.float64]

DEPTH: Final = 100
"""Documents kept of each ranking: for reciprocal rank, and for rank-biased overlap, where 0.9^100 is left."""
PERSISTENCE: Final = 0.9
_BLOCK: Final = 256
"""Queries whose similarities to the whole corpus are in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Unit vectors of texts; a long text has several, the first of text i is row ``starts[i]``."""

    rows: NDArray[np.float32]
    starts: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Each row's best documents, best first, and the similarities that its margin is made of (else NaN)."""

    found: tuple[tuple[str, ...], ...]
    positive: Floats
    negative: Floats


def rank(plan: Plan, queries: NDArray[np.float32], texts: Vectors, *, depth: int) -> Ranked:
    """Search every query exactly, by cosine. A text's similarity is that of its best part."""
    found: list[tuple[str, ...]] = []
    pairs: list[tuple[float, float]] = []
    for first in range(0, len(queries), _BLOCK):
        similar = np.maximum.reduceat(queries[first : first + _BLOCK] @ texts.rows.T, texts.starts, axis=1)
        for line, question in zip(similar, plan.questions[first : first + _BLOCK], strict=True):
            order = _best(line[: len(plan.ids)], depth)
            found.append(tuple(plan.ids[place] for place in order))
            pairs.append(_pair(line, order, question, plan))
    both = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    return Ranked(found=tuple(found), positive=both[:, 0], negative=both[:, 1])


def search(plan: Plan, queries: NDArray[np.float32], texts: Vectors, *, depth: int) -> list[tuple[str, ...]]:
    """The ids found for queries that need not be those of the plan's rows."""
    similar = np.maximum.reduceat(queries @ texts.rows.T, texts.starts, axis=1)[:, : len(plan.ids)]
    return [tuple(plan.ids[place] for place in _best(line, depth)) for line in similar]


def _best(similar: NDArray[np.float32], depth: int) -> list[int]:
    """Places of the most similar, best first; equal ones in the corpus' order."""
    if depth < len(similar):
        least = np.partition(similar, len(similar) - depth)[len(similar) - depth]
        places = np.flatnonzero(similar >= least)
    else:
        places = np.arange(len(similar))
    order = places[np.argsort(-similar[places], kind="stable")][:depth]
    return [int(place) for place in order]


def _pair(
    line: NDArray[np.float32], order: Sequence[int], question: Question, plan: Plan
) -> tuple[float, float]:
    if not question.positives:
        return np.nan, np.nan
    negative = question.negative
    if negative is None:
        wrong = (
            place
            for place in order
            if plan.ids[place] not in question.relevant and place not in question.positives
        )
        negative = next(wrong, None)
    positive = float(np.mean(line[list(question.positives)]))
    return (positive, float(line[negative])) if negative is not None else (np.nan, np.nan)


def row_measures(plan: Plan, ranked: Ranked, k: Sequence[int]) -> dict[str, Floats]:
    """`recall@K`, `ndcg@K` and `mrr` of each row; NaN where it has no relevant document."""
    return {
        **{f"recall@{each}": _per_row(plan, ranked, partial(recall_at_k, k=each)) for each in k},
        **{f"ndcg@{each}": _per_row(plan, ranked, partial(ndcg_at_k, k=each)) for each in k},
        "mrr": _per_row(plan, ranked, reciprocal_rank),
    }


def _per_row(plan: Plan, ranked: Ranked, measure: Callable[[Sequence[str], frozenset[str]], float]) -> Floats:
    return np.asarray(
        [
            measure(found, question.relevant) if question.relevant else np.nan
            for found, question in zip(ranked.found, plan.questions, strict=True)
        ],
        dtype=np.float64,
    )


def churn_measures(
    base: Sequence[Sequence[str]], candidate: Sequence[Sequence[str]], k: Sequence[int]
) -> dict[str, Floats]:
    """How far the rankings of each row differ.

    `churn@K` is 1 less the Jaccard index of the first K, `rbo` the rank-biased overlap (1 is the same ranking),
    `top1_changed` 1 where another document leads.
    """
    pairs = list(zip(base, candidate, strict=True))
    return {
        **{f"churn@{each}": np.asarray([1 - jaccard(a[:each], b[:each]) for a, b in pairs]) for each in k},
        "rbo": np.asarray([rank_biased_overlap(a, b) for a, b in pairs]),
        "top1_changed": np.asarray([float(a[:1] != b[:1]) for a, b in pairs]),
    }


def jaccard(left: Sequence[str], right: Sequence[str]) -> float:
    """Common members over all members; 1 for two empty lists.

    >>> jaccard(["a", "b"], ["b", "c", "d"])
    0.25
    """
    union = {*left, *right}
    return len({*left}.intersection(right)) / len(union) if union else 1.0


def rank_biased_overlap(left: Sequence[str], right: Sequence[str], *, p: float = PERSISTENCE) -> float:
    """Overlap of two rankings of one length in [0, 1], the tops weighing most, extrapolated beyond their end.

    Source: Webber, Moffat and Zobel, A similarity measure for indefinite rankings, ACM TOIS 28, 2010, eq. 23.

    >>> rank_biased_overlap(["a", "b"], ["a", "b"]), round(rank_biased_overlap(["a", "b"], ["b", "a"]), 3)
    (1.0, 0.9)
    """
    depth = min(len(left), len(right))
    if not depth:
        return float(len(left) == len(right))
    seen_left: set[str] = set()
    seen_right: set[str] = set()
    common, total, weight = 0, 0.0, 1.0
    for place, (a, b) in enumerate(zip(left, right, strict=False), start=1):
        common += (a == b) + (a != b and a in seen_right) + (a != b and b in seen_left)
        seen_left.add(a)
        seen_right.add(b)
        total += weight * (1 - p) * common / place
        weight *= p
    return min(1.0, total + weight * common / depth)


def gains(plan: Plan, base: Ranked, candidate: Ranked, k: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Of each row the relevant documents that only the candidate, and that only the base has among K."""
    gained, lost = [], []
    for a, b, question in zip(base.found, candidate.found, plan.questions, strict=True):
        old, new = question.relevant.intersection(a[:k]), question.relevant.intersection(b[:k])
        gained.append(len(new - old))
        lost.append(len(old - new))
    return np.asarray(gained), np.asarray(lost)
