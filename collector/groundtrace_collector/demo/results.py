"""What came of the demo: counts, cohorts, the comparison, and where to look first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from groundtrace import Client
from groundtrace_collector.demo.pipeline import Pipelines
from groundtrace_collector.demo.scoring import WHERE

RECALL: Final = "recall@5"
METRICS: Final = (
    RECALL,
    "score:context_relevance",
    "fail_rate:groundedness",
    "p99_ms",
    "tokens_per_trace",
)
COHORT: Final = "metadata.doc_family"
WHOLE: Final = "*"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The demo's figures, as the API gives them. ``scores`` counts those that are ok."""

    traces: int
    spans: int
    scores: int
    cohorts: list[Json]
    compare: Json
    highlight: "Highlight | None"

    def as_json(self, *, store: str, url: str | None) -> Json:
        """What ``--json`` prints; ``url`` is left out once the collector is stopped."""
        printed = {
            "traces": self.traces,
            "spans": self.spans,
            "scores": self.scores,
            "cohorts": self.cohorts,
            "compare": self.compare,
            "store": store,
        }
        return printed if url is None else printed | {"url": url}


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """The family whose recall changed most, and a question of it that the encoders answer differently."""

    family: str
    base: float
    candidate: float
    verdict: str
    query: str
    lost: str  # the encoder that missed the answer
    won: str
    lost_trace_id: str
    won_trace_id: str


def collect(client: Client, pipelines: Pipelines) -> Results:
    """Ask the collector for everything the demo ends with."""
    base, candidate = pipelines.chains
    # The sample is complete and is looked at once: an end makes the intervals those of a fixed sample.
    now = datetime.now(UTC)
    compared = client.compare(
        by="encoder", base=base, candidate=candidate, cohort=COHORT, metrics=METRICS, where=WHERE, until=now
    )
    cohorts = client.cohorts(by=COHORT, metrics=("traces", *METRICS), where=WHERE, until=now)
    listed = list(client.iter_traces(where=WHERE))
    counted = client.count(where=WHERE)
    family = most_changed(compared)
    return Results(
        traces=counted["traces"],
        spans=counted["spans"],
        scores=sum(score["status"] == "ok" for trace in listed for score in trace["scores"]),
        cohorts=cohorts["cohorts"],
        compare=compared,
        highlight=None
        if family is None
        else highlight(compared, family, listed, recall=pipelines.recall_at_5(family)),
    )


def most_changed(compared: Mapping[str, Any]) -> str | None:
    """The family with the largest change in recall@5, one with a verdict before one without.

    None when no family's recall is defined.
    """
    changes = {
        cohort["key"]: cohort["metrics"][RECALL]
        for cohort in compared["cohorts"]
        if cohort["key"] != WHOLE and cohort["metrics"][RECALL]["difference"]["value"] is not None
    }
    return max(
        changes,
        key=lambda family: (
            changes[family]["verdict"] in {"better", "worse"},
            abs(changes[family]["difference"]["value"]),
        ),
        default=None,
    )


def highlight(
    compared: Mapping[str, Any],
    family: str,
    traces: Sequence[Mapping[str, Any]],
    *,
    recall: Mapping[tuple[str, str], float],
) -> Highlight | None:
    """The question of ``family`` whose two traces show its change best.

    That is the one whose recall@5 (by encoder and dataset row) moved most in the family's direction,
    and among equals the one whose ContextRelevance did. None when it has no such pair.
    """
    base, candidate = compared["base"], compared["candidate"]
    (change,) = (cohort["metrics"][RECALL] for cohort in compared["cohorts"] if cohort["key"] == family)
    direction = math.copysign(1.0, change["difference"]["value"])
    by_encoder = {encoder: _by_row(traces, encoder) for encoder in (base, candidate)}
    rows = sorted(
        row
        for row in by_encoder[base].keys() & by_encoder[candidate].keys()
        if (base, row) in recall and (candidate, row) in recall
    )

    def shown(row: str) -> tuple[float, float]:
        moved = recall[candidate, row] - recall[base, row]
        relevance = _relevance(by_encoder[candidate][row]) - _relevance(by_encoder[base][row])
        return direction * moved, direction * relevance

    if not rows:
        return None
    best = max(rows, key=shown)
    lost, won = (base, candidate) if direction > 0 else (candidate, base)
    return Highlight(
        family=family,
        base=change["base"]["value"],
        candidate=change["candidate"]["value"],
        verdict=change["verdict"],
        query=by_encoder[lost][best]["query"],
        lost=lost,
        won=won,
        lost_trace_id=by_encoder[lost][best]["trace_id"],
        won_trace_id=by_encoder[won][best]["trace_id"],
    )


def _by_row(traces: Sequence[Mapping[str, Any]], encoder: str) -> dict[str, Mapping[str, Any]]:
    return {trace["dataset_row"]: trace for trace in traces if trace["encoder"] == encoder}


def _relevance(trace: Mapping[str, Any]) -> float:
    """The trace's ContextRelevance; 0 where it has none."""
    found = (score["score"] for score in trace["scores"] if score["name"] == "context_relevance")
    return next(found, None) or 0.0
