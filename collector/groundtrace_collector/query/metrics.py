"""The metrics of cohorts and comparisons: what each is for one trace, and which way is better.

A metric is a SQL expression over one row of `traces` (and the joined score or feedback, as `joined.Score`,
`joined.Said`, 0 where there is none, `joined.Value`, `joined.Label`) and a form that says how traces are summed
up. Null is a trace to which the metric does not apply; it is not in n.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from groundtrace_collector.query import neighbours
from groundtrace_collector.query.errors import QueryError, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Direction: TypeAlias = Literal["higher", "lower"]
MAX_METRICS = 24
MAX_K = 1_000
MIN_N = 20
"""Fewer traces, or pairs, are too few to judge a metric by."""


class Form(StrEnum):
    """How the values of single traces are summed up, and with which interval."""

    COUNT = "count"  # a sum, without interval or verdict
    RATE = "rate"  # a share of 0 and 1: Wilson; Newcombe; paired: Bonett-Price
    MEAN = "mean"  # Student's t
    RATIO = "ratio"  # sum of values over sum of weights: linearised, Student's t
    QUANTILE = "quantile"  # order statistics; MOVER
    PAIR = "pair"  # of two traces that answered one question: only a comparison has it; Student's t


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, ready to be put into a statement."""

    name: str
    form: Form
    direction: Direction | None
    value: str
    """SQL of one trace's value, null where it does not apply."""
    many: bool = False
    """Whether ``value`` is an array, of the values of a trace's spans."""
    weight: str = "1"
    """SQL of the denominator of a ratio."""
    level: float = 0.5
    """Which quantile."""
    between: str = ""
    """SQL of a pair's value, from `base` and `candidate`: ``value`` of the newest trace on each side."""
    score: str | None = None
    """The name of the score that `joined` is."""
    missing: str = ""
    """SQL of the value of a trace that has no such score; empty: null."""
    feedback: str | None = None
    """The name of the feedback that `joined` is; beside a score, that `said` is."""
    overruling: str = ""
    """SQL over `said`: what stands in place of the score's value, null where the score's stands."""
    among: str = ""
    """SQL over `traces`: the traces that the metric is about; empty: all."""
    space: str = ""
    """SQL over `traces` of the scale that ``value`` is on, which differs between encoders; empty: one scale."""
    least: float = -math.inf
    """What a trace's value cannot be below; an interval ends there."""
    most: float = math.inf
    parameters: dict[str, object] = field(default_factory=dict)
    """Values of the placeholders that begin with `metric_`."""

    @property
    def width(self) -> float:
        """How far two values can be apart."""
        return self.most - self.least

    @property
    def unit(self) -> bool:
        """Whether it is a mean of values in [0, 1]."""
        return self.form in (Form.MEAN, Form.PAIR) and (self.least, self.most) == (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of the catalogue: how a metric is written, and how it is made from what stands in the name."""

    pattern: str
    """As documented: `p99_ms:KIND`, `recall@K`."""
    make: Callable[[str, str], Metric]
    """From the whole name and what stands for KIND, E or K."""


def parse_metrics(text: str | Sequence[str]) -> list[Metric]:
    """The metrics named, in order; ``text`` is a list or separated by commas. Raises QueryError.

    >>> [metric.name for metric in parse_metrics("traces, p99_ms:LLM")]
    ['traces', 'p99_ms:LLM']
    """
    parts = text.split(",") if isinstance(text, str) else text
    names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not names:
        raise QueryError(
            "unknown_metric", f"name at least one metric; there are {', '.join(known_metrics())}"
        )
    if len(names) > MAX_METRICS:
        raise QueryError("too_many", f"at most {MAX_METRICS} metrics at once, got {len(names)}")
    return [metric(name) for name in names]


def metric(name: str) -> Metric:
    """The metric of this name; raises QueryError that lists those there are."""
    for entry in catalogue():
        argument = _argument(entry.pattern, name)
        if argument is not None:
            return entry.make(name, argument)
    known = known_metrics()
    raise QueryError(
        "unknown_metric", f"unknown metric {name!r}{suggestion(name, known)}; there are {', '.join(known)}"
    )


def is_insufficient(name: str, n: int) -> bool:
    """Whether ``n`` is too few to judge the metric by; counts are judged by nobody."""
    return n < MIN_N and metric(name).form is not Form.COUNT


def known_metrics() -> list[str]:
    """How every metric is written."""
    return [entry.pattern for entry in catalogue()]


def _argument(pattern: str, name: str) -> str | None:
    """What ``name`` has in place of KIND, E or K; '' for a pattern without; None when it does not match."""
    head, mark, placeholder = re.split("([:@])", pattern) if re.search("[:@]", pattern) else (pattern, "", "")
    if not mark:
        return "" if name == pattern else None
    if not name.startswith(head + mark) or len(name) > 200 + len(head):
        return None
    argument = name[len(head + mark) :]
    if placeholder == "K":
        return argument if re.fullmatch(r"[1-9][0-9]{0,3}", argument) and int(argument) <= MAX_K else None
    return argument if argument.isprintable() and argument.strip() else None


# --- the catalogue ----------------------------------------------------------------------------------------


@cache
def catalogue() -> tuple[Entry, ...]:
    """Every metric there is, in the order of the documentation."""
    return (
        _simple("traces", Form.COUNT, None, "1"),
        _simple("spans", Form.COUNT, None, "SpanCount"),
        _simple("error_rate", Form.RATE, "lower", "Status = 'error'"),
        *(_duration(f"p{percent}_ms", percent / 100) for percent in (50, 95, 99)),
        *(_kind_duration(f"p{percent}_ms", percent / 100) for percent in (50, 95, 99)),
        _simple("tokens_prompt", Form.MEAN, "lower", "TokensPrompt"),
        _simple("tokens_per_trace", Form.MEAN, "lower", _TOKENS),
        _simple("cost_per_trace", Form.MEAN, "lower", "CostUsd"),
        Entry(pattern="score:E", make=_score),
        Entry(pattern="fail_rate:E", make=_fail_rate),
        Entry(pattern="coverage:E", make=_coverage),
        _said("thumbs_down_rate", "thumbs", _THUMB_DOWN),
        _said("escalation_rate", "escalation", _SAID_YES),
        _said("manual_review_rate", "manual_review", _SAID_YES),
        _simple("fallback_rate", Form.RATE, "lower", "Fallback"),
        _simple("retry_rate", Form.RATE, "lower", "Retries > 0"),
        _simple("cache_hit_rate", Form.RATE, "higher", "ifNull(CacheHit, false)"),
        Entry(pattern="cache_wrong_hit_rate", make=_cache_wrong_hit_rate),
        _ranked("recall@K", _RECALL),
        _ranked("mrr", _RECIPROCAL_RANK),
        _ranked("ndcg@K", _NDCG),
        _simple("margin", Form.MEAN, "higher", "Margin", space="MarginSpace", least=-math.inf),
        _simple("margin_auroc", Form.MEAN, "higher", "MarginAuroc", most=1.0),
        _simple(
            "reranker_score",
            Form.MEAN,
            "higher",
            # A reranker at half precision gives NaN now and then: no reason to lose the mean of all the others.
            "if(arrayExists(score -> isFinite(score), RerankScores), "
            "arrayAvg(arrayFilter(score -> isFinite(score), RerankScores)), NULL)",
            least=-math.inf,
        ),
        _between("churn@K", neighbours.FIRST_K, neighbours.CHURN),
        _between("rbo", neighbours.FIRST_DISTINCT, neighbours.RANK_BIASED_OVERLAP),
        Entry(pattern="embeddings_per_s", make=_embeddings_per_s),
    )


_TOKENS = (
    "if(isNull(TokensPrompt) AND isNull(TokensCompletion), NULL, "
    "ifNull(TokensPrompt, 0) + ifNull(TokensCompletion, 0))"
)
_THUMB_DOWN = "if(isNull(joined.Value), NULL, joined.Value < 0)"
# Feedback without a number, such as a label, says that it happened.
_SAID_YES = "ifNull(joined.Value, toFloat64(joined.Label != '')) > 0"
# Gold names each document once; a document that was retrieved twice is found once, at its first place.
_RECALL = (
    "length(arrayIntersect(arraySlice(RetrievedIds, 1, {metric_k:UInt32}), GoldIds)) "
    "/ length(arrayDistinct(GoldIds))"
)
_RECIPROCAL_RANK = (
    "arrayMax(arrayMap((id, rank) -> if(has(GoldIds, id), 1 / rank, 0), RetrievedIds, "
    "arrayEnumerate(RetrievedIds)))"
)
_NDCG = (
    "arraySum(arrayMap((id, rank) -> if(has(GoldIds, id) AND indexOf(RetrievedIds, id) = rank, "
    "1 / log2(rank + 1), 0), arraySlice(RetrievedIds, 1, {metric_k:UInt32}), "
    "arrayEnumerate(arraySlice(RetrievedIds, 1, {metric_k:UInt32})))) "
    "/ arraySum(arrayMap(rank -> 1 / log2(rank + 1), "
    "range(1, 1 + least(toUInt64({metric_k:UInt32}), length(arrayDistinct(GoldIds))))))"
)


def _simple(
    name: str,
    form: Form,
    direction: Direction | None,
    value: str,
    *,
    space: str = "",
    least: float = 0.0,
    most: float = math.inf,
) -> Entry:
    return Entry(
        pattern=name,
        make=lambda name, _: Metric(
            name=name, form=form, direction=direction, value=value, space=space, least=least, most=most
        ),
    )


def _duration(name: str, level: float) -> Entry:
    return Entry(
        pattern=name,
        make=lambda name, _: Metric(
            name=name, form=Form.QUANTILE, direction="lower", value="DurationNs / 1e6", level=level
        ),
    )


def _kind_duration(name: str, level: float) -> Entry:
    return Entry(
        pattern=f"{name}:KIND",
        make=lambda name, kind: Metric(
            name=name,
            form=Form.QUANTILE,
            direction="lower",
            value="arrayMap(ns -> ns / 1e6, arrayFilter((ns, kind) -> "
            "kind = {metric_kind:String}, SpanNs, SpanKinds))",
            many=True,
            level=level,
            parameters={"metric_kind": kind.upper()},
        ),
    )


def _score(name: str, evaluator: str) -> Metric:
    direction: Direction = "lower" if lower_is_better(evaluator) else "higher"
    return Metric(
        name=name,
        form=Form.MEAN,
        direction=direction,
        value="joined.Score",
        score=evaluator,
        least=0.0,  # whoever sends it, a score outside [0, 1] is refused
        most=1.0,
    )


def _fail_rate(name: str, evaluator: str) -> Metric:
    fails = _among(1, 7) if lower_is_better(evaluator) else _among(1, 5)
    value = f"if({_among(1, 2, 5, 6, 7)}, {fails}, NULL)"
    return Metric(name=name, form=Form.RATE, direction="lower", value=value, score=evaluator)


def _among(*said: int) -> str:
    """SQL of whether `joined.Said` is one of these; IN takes ten times as long."""
    return f"bitTest({sum(1 << each for each in said)}, joined.Said)"


def _coverage(name: str, evaluator: str) -> Metric:
    value = _among(1, 2, 3, 5, 6, 7)
    return Metric(name=name, form=Form.RATE, direction="higher", value=value, score=evaluator, missing="0")


def _said(name: str, feedback: str, value: str) -> Entry:
    return Entry(
        pattern=name,
        make=lambda name, _: Metric(
            name=name, form=Form.RATE, direction="lower", value=value, feedback=feedback
        ),
    )


def _cache_wrong_hit_rate(name: str, _: str) -> Metric:
    """Hits that a person, else the evaluator, judged wrong; over the hits that either judged."""
    judged = _fail_rate(name, "cache_intent_match")
    return replace(
        judged, feedback="thumbs", overruling=_THUMB_DOWN.replace("joined.", "said."), among="CacheHit"
    )


def _ranked(pattern: str, value: str) -> Entry:
    """A measure of the retrieved ids against the gold ids, undefined without gold."""

    def make(name: str, k: str) -> Metric:
        return Metric(
            name=name,
            form=Form.MEAN,
            direction="higher",
            least=0.0,
            most=1.0,
            value=f"if(empty(GoldIds), NULL, if(empty(RetrievedIds), 0, {value}))",
            parameters={"metric_k": int(k)} if k else {},
        )

    return Entry(pattern=pattern, make=make)


def _between(pattern: str, value: str, between: str) -> Entry:
    """How two lists of documents differ; ``value`` is the one of a trace."""
    return Entry(
        pattern=pattern,
        make=lambda name, k: Metric(
            name=name,
            form=Form.PAIR,
            direction=None,
            least=0.0,
            most=1.0,
            value=value,
            many=True,
            between=between,
            parameters={"metric_k": int(k)} if k else {},
        ),
    )


def _embeddings_per_s(name: str, _: str) -> Metric:
    used = "EmbeddedTexts > 0 AND EmbeddingNs > 0"
    return Metric(
        name=name,
        form=Form.RATIO,
        direction="higher",
        value=f"if({used}, EmbeddedTexts, NULL)",
        weight=f"if({used}, EmbeddingNs / 1e9, NULL)",
        least=0.0,
    )


@cache
def is_evaluator(name: str) -> bool:
    """Whether an evaluator that is installed here gives scores of this name."""
    from groundtrace_evaluators import registry

    return name in registry.names()


@cache
def lower_is_better(evaluator: str) -> bool:
    """Whether a score of this name is better when it is lower; an unknown evaluator's is better higher."""
    from groundtrace_evaluators import registry

    return is_evaluator(evaluator) and registry.get(evaluator).direction == "lower"
