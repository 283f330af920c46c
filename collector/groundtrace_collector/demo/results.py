"""What came of the demo: counts, cohorts, the comparison, and where to look first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from groundtrace import Client
from groundtrace_collector.demo.scoring import WHERE

METRICS: Final = (
    "recall@5",
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
    trace_id: str
    other_trace_id: str


def collect(client: Client, *, base: str, candidate: str) -> Results:
    """Ask the collector for everything the demo ends with."""
    counted = client.count(where=WHERE)
    listed = list(client.iter_traces(where=WHERE))
    compared = client.compare(
        by="encoder", base=base, candidate=candidate, cohort=COHORT, metrics=METRICS, where=WHERE
    )
    cohorts = client.cohorts(by=COHORT, metrics=("traces", *METRICS), where=WHERE)
    return Results(
        traces=counted["traces"],
        spans=counted["spans"],
        scores=sum(score["status"] == "ok" for trace in listed for score in trace["scores"]),
        cohorts=cohorts["cohorts"],
        compare=compared,
        highlight=highlight(compared, listed),
    )


def highlight(compared: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> Highlight | None:
    """The family with the largest change in recall, a verdict before none, and a pair of traces of it.

    The pair is the one whose ContextRelevance moved most in the family's direction; the trace given
    first is the one that lost. None when no family's recall is defined.
    """
    changes = [
        (cohort["key"], cohort["metrics"][METRICS[0]])
        for cohort in compared["cohorts"]
        if cohort["key"] != WHOLE and cohort["metrics"][METRICS[0]]["difference"]["value"] is not None
    ]
    if not changes:
        return None
    family, change = max(
        changes,
        key=lambda item: (item[1]["verdict"] in {"better", "worse"}, abs(item[1]["difference"]["value"])),
    )
    direction = math.copysign(1.0, change["difference"]["value"])
    pairs = _pairs(
        [trace for trace in traces if trace["metadata"].get("doc_family") == family],
        compared["base"],
        compared["candidate"],
    )
    if not pairs:
        return None
    base, candidate = max(pairs, key=lambda pair: direction * (_relevance(pair[1]) - _relevance(pair[0])))
    lost, won = (base, candidate) if direction > 0 else (candidate, base)
    return Highlight(
        family=family,
        base=change["base"]["value"],
        candidate=change["candidate"]["value"],
        verdict=change["verdict"],
        query=lost["query"],
        trace_id=lost["trace_id"],
        other_trace_id=won["trace_id"],
    )


def _pairs(
    traces: Sequence[Mapping[str, Any]], base: str, candidate: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The traces of each question, the base encoder's first."""
    by_encoder: dict[str, dict[str, Mapping[str, Any]]] = {base: {}, candidate: {}}
    for trace in traces:
        if trace["encoder"] in by_encoder:
            by_encoder[trace["encoder"]][trace["query"]] = trace
    shared = by_encoder[base].keys() & by_encoder[candidate].keys()
    return [(by_encoder[base][query], by_encoder[candidate][query]) for query in sorted(shared)]


def _relevance(trace: Mapping[str, Any]) -> float:
    """The trace's ContextRelevance; 0 where it has none."""
    found = (score["score"] for score in trace["scores"] if score["name"] == "context_relevance")
    return next(found, None) or 0.0
