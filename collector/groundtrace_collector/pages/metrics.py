"""Metric values as cells: the value in its unit, its interval, how many traces stand behind it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from groundtrace_collector.pages import formats
from groundtrace_collector.query.metrics import Form, is_insufficient
from groundtrace_collector.query.metrics import metric as metric_of

_COUNTS = ("traces", "spans")
_VERDICTS = {"better": "good", "worse": "bad", "no difference": "", "insufficient data": "faint"}
Value = Mapping[str, Any]
"""``{"value", "low", "high", "n"}`` of the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval drawn on its column's scale, in percent of the width."""

    low: float
    high: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One metric of one cohort."""

    value: str
    range: str
    """The 95 % interval in words, or the end of it that is known; empty where it is not defined."""
    n: str
    """Empty for counts, which are their own n."""
    interval: Interval | None
    insufficient: bool = False
    """Whether n is too small to judge by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one cohort, base against candidate."""

    verdict: str
    tone: str
    """``good``, ``bad``, ``faint`` or empty: how the verdict is coloured, never what it says."""
    difference: str
    range: str
    sides: str
    """Base → candidate; empty for a measure that only a pair has."""
    n: str
    outcomes: str
    """How many pairs the candidate won, lost and tied; empty where they are not counted."""
    detects: str
    """What could have been seen; empty where a difference was."""
    parts: str
    """Of the whole: quality and mix; empty where other traffic has no part in the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The range that a column's intervals are drawn on."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value stands, in percent, with room for the mark at both ends."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(4 + 92 * min(max(share, 0.0), 1.0), 1)


def scale(values: Iterable[Value]) -> Scale:
    """The range that holds every interval of a column."""
    ends = [
        end for value in values for end in (value["low"], value["value"], value["high"]) if end is not None
    ]
    return Scale(low=min(ends, default=0.0), high=max(ends, default=1.0))


def cell(metric: str, value: Value, on: Scale) -> Cell:
    """A value of the API for the cohort table."""
    shown = unit(metric)
    known = None not in (value["value"], value["low"], value["high"])
    return Cell(
        value=shown(value["value"]),
        range=_range(value, shown),
        n="" if metric in _COUNTS else formats.number(value["n"]),
        interval=Interval(
            low=on.place(value["low"]), high=on.place(value["high"]), value=on.place(value["value"])
        )
        if known
        else None,
        insufficient=is_insufficient(metric, value["n"]),
    )


def _range(value: Value, shown: Callable[[float | None], str]) -> str:
    """The interval in words; of a high quantile of little traffic only one end is known."""
    low, high = value["low"], value["high"]
    if value["value"] is None or (low is None and high is None):
        return ""
    if low is None or high is None:
        return f"{shown(low)} or more" if high is None else f"up to {shown(high)}"
    return f"{shown(low)} to {shown(high)}"


def change(metric: str, compared: Mapping[str, Any]) -> Change:
    """A metric of the API's comparison."""
    difference, base, candidate = compared["difference"], compared["base"], compared["candidate"]
    of_pairs = metric_of(metric).form is Form.PAIR
    shown, signed = unit(metric), unit(metric) if of_pairs else partial(_signed, metric)
    counts = f"{formats.number(base['n'])} and {formats.number(candidate['n'])} traces"
    return Change(
        verdict=compared["verdict"] or "",
        tone=_VERDICTS.get(compared["verdict"], ""),
        difference=signed(difference["value"]),
        range=_range(difference, signed),
        sides="" if of_pairs else f"{shown(base['value'])} → {shown(candidate['value'])}",
        n=f"{formats.number(difference['n'])} pairs" if compared["paired"] else counts,
        outcomes=_outcomes(compared),
        detects="" if compared["verdict"] in ("better", "worse") else _size(metric, compared["detectable"]),
        parts=_parts(metric, compared.get("parts")),
    )


def _parts(metric: str, parts: Mapping[str, Value] | None) -> str:
    if not parts or not parts["mix"]["value"]:
        return ""
    quality, mix = (_signed(metric, parts[name]["value"]) for name in ("quality", "mix"))
    return f"quality {quality}, mix {mix}"


def _outcomes(compared: Mapping[str, Any]) -> str:
    """In words, what did not happen left out.

    >>> _outcomes({"wins": 20, "losses": 3, "ties": 0}), _outcomes({"wins": None})
    ('won 20, lost 3', '')
    """
    if compared["wins"] is None:
        return ""
    counts = (("won", compared["wins"]), ("lost", compared["losses"]), ("tied", compared["ties"]))
    return ", ".join(f"{word} {formats.number(count)}" for word, count in counts if count)


def unit(metric: str) -> Callable[[float | None], str]:
    """How a metric's values are written.

    >>> unit("p99_ms:LLM")(1500.0), unit("fail_rate:groundedness")(0.125), unit("recall@5")(0.8)
    ('1.50 s', '12.5 %', '0.800')
    """
    name = metric.partition(":")[0]
    if name.endswith("_ms"):
        return formats.duration
    if name.endswith("_rate") or name == "coverage":
        return _percent
    if name.startswith("cost"):
        return formats.dollars
    if name in (*_COUNTS, "tokens_prompt"):
        return formats.number
    if name in ("tokens_per_trace", "embeddings_per_s", "reranker_score"):
        return formats.significant
    return _fraction


def _percent(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{formats.number(100 * value, 1)} %"


def _fraction(value: float | None) -> str:
    return formats.number(value, 3)


def _signed(metric: str, value: float | None) -> str:
    """A difference with its sign; of rates in percentage points."""
    if value is None:
        return formats.NOTHING
    size = _size(metric, value)
    if not formats.reads_nonzero(size):
        return size
    return f"+{size}" if value > 0 else f"{formats.MINUS}{size}"


def _size(metric: str, value: float | None) -> str:
    """How large a difference is; empty without one."""
    return "" if value is None else unit(metric)(abs(value)).replace(" %", " pp")
