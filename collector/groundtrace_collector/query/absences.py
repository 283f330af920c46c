"""What an answer has nothing of, in words: a name was misspelt, nobody sends it, or it is one cohort too many. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def of_cohorts(answer: Mapping[str, Any]) -> Iterator[str]:
    """Of an answer of `/api/v1/cohorts`: no trace at all, no value of the dimension, nothing that a metric counts.

    >>> row = {"key": "", "metrics": {"traces": {"n": 5}, "score:x": {"n": 0}}}
    >>> list(of_cohorts({"by": "metadata.famly", "cohorts": [row]}))
    ['no trace here has metadata.famly', 'no trace here has what score:x is made of']
    """
    rows = answer["cohorts"]
    if not rows:
        yield "no trace matches"
        return
    if not any(row["key"] for row in rows):
        yield f"no trace here has {answer['by']}"
    for name in rows[0]["metrics"]:
        if not any(row["metrics"][name]["n"] for row in rows):
            yield f"no trace here has what {name} is made of"
    if answer.get("more"):
        yield f"there are more cohorts than these {len(rows):,}, the largest: raise the limit, or narrow by where"


def of_comparison(answer: Mapping[str, Any]) -> Iterator[str]:
    """Of an answer of `/api/v1/compare`: a side that no trace is on, a metric that neither side has, no cohort.

    >>> nothing, some = {"n": 0}, {"n": 9}
    >>> whole = {"metrics": {"mrr": {"base": some, "candidate": nothing, "paired": False}}}
    >>> list(of_comparison({"by": "encoder", "base": "a", "candidate": "b", "cohorts": [whole]}))
    ["no trace here has encoder 'b', or none of them has what mrr is made of"]
    >>> list(of_comparison({"by": "encoder", "cohorts": [{"key": "*", "metrics": {}}, {"key": "", "metrics": {}}]}))
    ['no trace here has what the comparison is split by']
    """
    metrics = answer["cohorts"][0]["metrics"] if answer["cohorts"] else {}
    for side in ("base", "candidate"):
        # What only a pair has, such as churn, is counted there alone.
        if metrics and not any(
            (each["paired"] and each["difference"]["n"]) or each[side]["n"] for each in metrics.values()
        ):
            names = " or ".join(metrics)
            yield f"no trace here has {answer['by']} {answer[side]!r}, or none of them has what {names} is made of"
    if len(answer["cohorts"]) > 1 and not any(row["key"] for row in answer["cohorts"][1:]):
        yield "no trace here has what the comparison is split by"
    if answer.get("more"):
        yield (
            f"there are more cohorts than these {len(answer['cohorts']) - 1:,}, the largest, and no verdict on them: "
            "narrow by where, or split by something coarser"
        )
