"""How far the documents that two retrievals found differ, as SQL over two rankings. Pure.

A ranking is an array of hashed document ids, best first; that of a retrieval that found nothing is `[0]`, that of
a trace without one is empty and compared with none. The measures are those of a replay
(`replay.ranking.churn_measures`); a document that was retrieved twice counts at its first place.
"""

from __future__ import annotations

PERSISTENCE = 0.9
DEPTH = 100
"""Places that rank-biased overlap looks at; 0.9^100 is left of the weight."""

_RANKING = "multiIf(notEmpty(RetrievedIds), arrayMap(id -> sipHash64(id), IDS), has(SpanKinds, 'RETRIEVER'), [0], [])"
FIRST_K = _RANKING.replace("IDS", "arraySlice(RetrievedIds, 1, {metric_k:UInt32})")
FIRST_DISTINCT = _RANKING.replace("IDS", f"arraySlice(arrayDistinct(RetrievedIds), 1, {DEPTH})")

CHURN = "1 - length(arrayIntersect(base, candidate)) / length(arrayDistinct(arrayConcat(base, candidate)))"
"""1 less the Jaccard index of the two sets."""

# With X(d) documents in common down to depth d of D, the shorter length, the measure is
# (1 - p) sum over d of p^(d-1) X(d) / d, and p^D X(D) / D for what lies beyond. A document enters X at the lower of
# its two places, so it adds the weights (1 - p) p^(d-1) / d from there down to D, of which `weights` are the sums.
_WEIGHTS = f"arrayCumSum(arrayMap(d -> {1 - PERSISTENCE:.10g} * pow({PERSISTENCE}, d - 1) / d, range(1, {DEPTH + 1})))"
_DEPTH = "least(length(base), length(candidate))"
_PLACES = (
    "arrayMap((id, place) -> if(has(candidate, id), greatest(place, indexOf(candidate, id)), 0), "
    "base, arrayEnumerate(base))"
)
RANK_BIASED_OVERLAP = (
    f"least(1, arraySum(place -> if(place = 0 OR place > {_DEPTH}, 0, {_WEIGHTS}[{_DEPTH}] "
    f"- if(place = 1, 0, {_WEIGHTS}[place - 1]) + pow({PERSISTENCE}, {_DEPTH}) / {_DEPTH}), {_PLACES}))"
)
"""Webber, Moffat and Zobel, A similarity measure for indefinite rankings, ACM TOIS 28, 2010, eq. 23, with p = 0.9."""
