"""Stored scores of an evaluator beside what people said of the same traces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.metrics import lower_is_better
from groundtrace_collector.query.scores import VerdictQuery, condition
from groundtrace_collector.store.sql import statement
from groundtrace_evaluators.score import Score, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.store.store import Store

HUMAN: Final = "human"
FEEDBACK: Final = "feedback."
MAX_LABELS: Final = 20_000
"""The newest labelled scores that one calibration learns from."""
_BAD_NEWS: Final = frozenset({"escalation", "manual_review"})
"""Feedback that is 1 where something was wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Scores with labels."""

    pairs: Sequence[tuple[Score, bool]]
    other_versions: int
    """Labelled scores of other evaluators, versions or methods under the same name, which are left out."""
    unclear: int
    """Labels that say neither good nor bad."""


async def labelled_scores(store: Store, query: VerdictQuery, *, labels: str) -> Labelled:
    """What calibrating the scores of ``query.name`` starts from.

    ``labels`` is `human` (scores of that name that people gave) or `feedback.NAME`. Raises QueryError for
    anything else.
    """
    source, name = _source(labels, query.name or "")
    where, parameters = await condition(store, query)
    text = statement(__package__, "labelled_scores").replace("CONDITION", where)
    rows = await store.query(
        text.replace("LABELS", statement(__package__, source)),
        {**parameters, "label_name": name, "label_project": query.project or "", "rows": MAX_LABELS},
    )
    return labelled(rows, labels=labels, lower=lower_is_better(query.name or ""))


def labelled(rows: Sequence[Mapping[str, Any]], *, labels: str, lower: bool) -> Labelled:
    """The rows, newest first, as pairs; ``lower`` for an evaluator whose 1 is worst. Pure."""
    last = max(rows, key=lambda row: _parts(row["EvaluatorVersion"]), default={})
    newest = [row for row in rows if _made_by(row) == _made_by(last)]
    said = [(row, meaning(row["LabelValue"], row["LabelText"], labels=labels, lower=lower)) for row in newest]
    pairs = [(_score(row), label) for row, label in said if label is not None]
    return Labelled(
        pairs=pairs, other_versions=len(rows) - len(newest), unclear=sum(label is None for _, label in said)
    )


def meaning(value: float | None, text: str, *, labels: str, lower: bool) -> bool | None:
    """What a label says of its case: True for what a score of 1 stands for, None where it says neither.

    Feedback above 0 is good, of `escalation` and `manual_review` bad; a person's score is of the evaluator's
    own sense, from 0.5 on True, and its label `pass` or `fail` stands over it. Pure.

    >>> [meaning(-1.0, "", labels="feedback.thumbs", lower=lower) for lower in (False, True)]
    [False, True]
    >>> meaning(0.9, "", labels="human", lower=True), meaning(None, "fail", labels="human", lower=True)
    (True, True)
    """
    if text in {"pass", "fail"}:
        return (text == "pass") is not lower
    if text or value is None:
        return None
    if labels == HUMAN:
        return value >= 0.5
    good = (value > 0) is not (labels.removeprefix(FEEDBACK) in _BAD_NEWS)
    return good is not lower


def _source(labels: str, name: str) -> tuple[str, str]:
    """The file of SQL that finds the labels, and the name that they are stored under."""
    if labels == HUMAN:
        return "labels_human", name
    said = labels.removeprefix(FEEDBACK)
    if not labels.startswith(FEEDBACK) or not said:
        raise QueryError("invalid_labels", f"labels must be 'human' or 'feedback.NAME', got {labels!r}")
    return "labels_feedback", said


def _made_by(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["Evaluator"], row["EvaluatorVersion"], row["Method"]


def _parts(version: str) -> list[str]:
    """To order versions by, numbers in them as numbers."""
    return [part.zfill(20) if part[0].isdigit() else part for part in re.findall(r"\d+|\D+", version)]


def _score(row: Mapping[str, Any]) -> Score:
    """The stored score; a label alone, or no number, counts as unscored."""
    evaluator, version, method = _made_by(row)
    if row["Score"] is None:
        return Score(
            name=evaluator, version=version, method=method, score=None,
            status=Status.ERROR, explanation="stored without a number",
        )  # fmt: skip
    return Score(name=evaluator, version=version, method=method, score=row["Score"])
