"""Scores and feedback that people and programs send: checked one by one, stored under the trace's project."""

from __future__ import annotations

import json
import re
import reprlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.trace_key import trace_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from pydantic_core import ErrorDetails

    from groundtrace_collector.store.store import Store

MAX_ITEMS = 10_000
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")

Source = Literal["api", "evaluator", "human"]
Status = Literal[
    "ok",
    "abstained",
    "no_claims",
    "skipped",
    "parse_error",
    "refused",
    "timeout",
    "rate_limited",
    "budget_exhausted",
    "truncated",
    "error",
]
"""The statuses of `groundtrace_evaluators.score.Status`."""

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=100_000)]


def _id(value: object, pattern: re.Pattern[str], what: str) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if not pattern.fullmatch(text) or not text.strip("0"):
        digits = 32 if pattern is _TRACE_ID else 16
        raise ValueError(f"{what} must be {digits} hexadecimal digits, not all zero, got {value!r}")
    return text


class ScoreIn(BaseModel, extra="forbid", strict=True, allow_inf_nan=False):
    """One score as the API takes it."""

    trace_id: str
    span_id: str | None = None
    name: Name
    score: float | None = Field(None, ge=0, le=1)
    label: str | None = Field(None, max_length=200)
    status: Status | None = None
    explanation: Text | None = None
    source: Source = "api"
    evaluator: Name | None = None
    version: str = Field("", max_length=200)
    method: str | None = Field(None, max_length=200)
    evidence: Any = None
    threshold: float | None = None
    cost_usd: float | None = Field(None, ge=0)

    @field_validator("trace_id", mode="before")
    @classmethod
    def _trace_id(cls, value: object) -> str:
        return _id(value, _TRACE_ID, "trace_id")

    @field_validator("span_id", mode="before")
    @classmethod
    def _span_id(cls, value: object) -> str | None:
        return _id(value, _SPAN_ID, "span_id") if value is not None and value != "" else None

    @model_validator(mode="after")
    def _one_verdict(self) -> Self:
        given = self.score is not None or bool(self.label)
        if self.status is None and not given:
            raise ValueError("a score needs `score` or `label`, or a `status` that says why there is none")
        if self.status == "ok" and not given:
            raise ValueError("status ok needs `score` or `label`")
        if self.status not in (None, "ok") and self.score is not None:
            raise ValueError(f"score must be null when status is {self.status}, got {self.score}")
        return self

    def row(self, *, project: str, seq: int) -> dict[str, object]:
        """The row of `scores`."""
        return {
            "Project": project,
            "Name": self.name,
            "TraceId": self.trace_id,
            "SpanId": self.span_id or "",
            "Source": self.source,
            "Evaluator": self.evaluator or self.name,
            "EvaluatorVersion": self.version,
            "Score": self.score,
            "Label": self.label or "",
            "Status": self.status or "ok",
            "Explanation": self.explanation or "",
            "Evidence": "" if self.evidence is None else json.dumps(self.evidence, ensure_ascii=False),
            "Method": self.method or "",
            "Threshold": self.threshold,
            "CostUsd": self.cost_usd,
            "Seq": seq,
        }


class FeedbackIn(BaseModel, extra="forbid", allow_inf_nan=False):
    """What a user said about a trace.

    ``thumbs`` is -1 or 1; ``escalation`` and ``manual_review`` are true, false, 1 or 0; ``failure_label`` is
    text; any other name takes a number, true or false, or text.
    """

    trace_id: str
    name: Name
    value: bool | float | Annotated[str, Field(max_length=1_000)]
    comment: Text | None = None

    @field_validator("trace_id", mode="before")
    @classmethod
    def _trace_id(cls, value: object) -> str:
        return _id(value, _TRACE_ID, "trace_id")

    @model_validator(mode="after")
    def _reserved(self) -> Self:
        number = None if isinstance(self.value, str) else float(self.value)
        if self.name == "thumbs" and (isinstance(self.value, bool) or number not in (-1, 1)):
            raise ValueError(f"thumbs must be -1 or 1, got {self.value!r}")
        if self.name in ("escalation", "manual_review") and number not in (0, 1):
            raise ValueError(f"{self.name} must be true or false, got {self.value!r}")
        if self.name == "failure_label" and not (isinstance(self.value, str) and self.value.strip()):
            raise ValueError(f"failure_label must be text, got {self.value!r}")
        return self

    def row(self, *, project: str, seq: int) -> dict[str, object]:
        """The row of `feedback`."""
        return {
            "Project": project,
            "Name": self.name,
            "TraceId": self.trace_id,
            "Value": None if isinstance(self.value, str) else float(self.value),
            "Label": self.value if isinstance(self.value, str) else "",
            "Comment": self.comment or "",
            "Seq": seq,
        }


async def add_scores(store: Store, items: Sequence[object], *, project: str | None = None) -> dict[str, Any]:
    """Store the items that are scores: `{"accepted": n, "rejected": [{"index", "message"}]}`.

    ``project`` is the key's; without one a score goes to its trace's project, or waits without a project for
    a trace that is not there yet. An item that is wrong never keeps the others out.
    """
    return await _add(store, ScoreIn, "scores", items, project)


async def add_feedback(
    store: Store, items: Sequence[object], *, project: str | None = None
) -> dict[str, Any]:
    """As `add_scores`, for feedback."""
    return await _add(store, FeedbackIn, "feedback", items, project)


async def _add(
    store: Store, kind: type[ScoreIn | FeedbackIn], table: str, items: Sequence[object], project: str | None
) -> dict[str, Any]:
    if len(items) > MAX_ITEMS:
        raise QueryError("too_many", f"at most {MAX_ITEMS:,} items a request, got {len(items):,}")
    accepted: list[ScoreIn | FeedbackIn] = []
    rejected: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        problem = _unstorable(item)
        try:
            if problem is None:
                accepted.append(kind.model_validate(item))
        except ValidationError as error:
            problem = reason(error)
        if problem is not None:
            rejected.append({"index": index, "message": problem})
    projects = await _projects(store, [each.trace_id for each in accepted]) if project is None else {}
    rows = [
        each.row(project=project or projects.get(each.trace_id, ""), seq=store.next_seq())
        for each in accepted
    ]
    await store.insert(table, rows)
    return {"accepted": len(rows), "rejected": rejected}


def _unstorable(item: object) -> str | None:
    """What keeps ``item`` from being written as JSON: NaN, infinity, half of a surrogate pair."""
    try:
        json.dumps(item, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "holds text that is not Unicode"
    except ValueError:
        return "holds a number that is not finite"
    return None


def reason(error: ValidationError) -> str:
    """Every complaint in one line, with the field it is about and what it was given."""
    return "; ".join(_complaint(each) for each in error.errors(include_url=False))


def _complaint(each: ErrorDetails) -> str:
    message = each["msg"].removeprefix("Value error, ")
    if not each["loc"]:
        return message
    # The checks of our own say what they got.
    given = "" if each["type"] in ("missing", "value_error") else f", got {reprlib.repr(each['input'])}"
    return f"{'.'.join(str(part) for part in each['loc'])}: {message}{given}"


async def _projects(store: Store, trace_ids: Sequence[str]) -> dict[str, str]:
    """The project of each trace that is stored in exactly one."""
    if not trace_ids:
        return {}
    rows = await store.query(
        statement(__package__, "trace_projects"),
        {"trace_ids": sorted(set(trace_ids)), "trace_keys": trace_keys(trace_ids)},
    )
    return {row["TraceId"]: row["Projects"][0] for row in rows if len(row["Projects"]) == 1}
