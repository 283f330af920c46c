"""Rows of `traces` and `scores` for tests of queries, put into the tables as the settling would."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.where import EVERYTHING, Scope, compile_where

if TYPE_CHECKING:
    from datetime import datetime

    from groundtrace_collector.store.store import Store

_versions = itertools.count(1)


def trace_id(name: str) -> str:
    """A trace id for a name: tests speak of `a` and `b`."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def trace(name: str = "a", **columns: Any) -> dict[str, Any]:
    """A settled trace; ``columns`` are columns of `traces`."""
    return {
        "Project": "app",
        "TraceId": trace_id(name),
        "Version": next(_versions),
        "StartedAt": "2026-11-21T10:00:00Z",
        "DurationNs": 1_000_000_000,
        "Name": "ask",
        "Service": "shop",
        "Status": "ok",
        "HasRoot": True,
        "SpanCount": 1,
        **columns,
    }


def score(name: str = "a", **columns: Any) -> dict[str, Any]:
    """An ok score of trace ``name``, by the evaluator of the same name as the score."""
    metric = columns.get("Name", "groundedness")
    return {
        "Project": "app",
        "Name": metric,
        "TraceId": trace_id(name),
        "Source": "evaluator",
        "Evaluator": metric,
        "EvaluatorVersion": "1",
        "Status": "ok",
        "Seq": next(_versions),
        **columns,
    }


async def names_where(
    store: Store, expression: str, names: str, *, now: datetime | None = None, scope: Scope = EVERYTHING
) -> str:
    """Which of the traces ``names`` (a letter each) a where-expression finds, in order."""
    condition = compile_where(expression, now=now, scope=scope)
    sql = f"SELECT TraceId FROM traces FINAL WHERE {condition.sql}"  # noqa: S608
    found = {row["TraceId"] for row in await store.query(sql, condition.parameters)}
    return "".join(name for name in names if trace_id(name) in found)
