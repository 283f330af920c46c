"""Where the scores of some names came from, which decides how they are read."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from groundtrace_collector.store.store import Store

SOURCES = ("api", "evaluator", "human")
"""Whose scores count, least first."""
_MOST_RANKS = 512
_KEPT_S = 1.0
"""For so long other processes' scores may be unknown; traces are settled no sooner, either."""
_MOST_KEPT = 64
_SETTINGS = {"max_threads": 1, "query_plan_enable_optimizations": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOrigins:
    """What is known of the scores that a question needs; the empty one knows nothing and assumes the worst."""

    simple: frozenset[str] = frozenset()
    """Names whose rows are all of whole traces, and are all ok or all replace each other (`trace_scores.sql`)."""
    versions: Sequence[str] = ()
    """All versions in the order in which they count, least first; none where no simple name has several origins."""
    projects: Sequence[str] = ()
    """Every project that has traces, where some of the scores came before their trace; else none."""


NOTHING_KNOWN = ScoreOrigins()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An answer, the process's writes before it was asked for, and when that was."""

    origins: ScoreOrigins
    writes: int
    at_s: float


_kept: WeakKeyDictionary[Store, dict[tuple[tuple[str, ...], str | None], _Kept]] = WeakKeyDictionary()


async def score_origins(store: Store, names: Iterable[str], *, project: str | None) -> ScoreOrigins:
    """What is known of ``names``, for a question about ``project``.

    The two statements take a twentieth of a cohort table, and pages ask in bursts: their answer is kept until
    this process writes, a second at most.
    """
    wanted = tuple(sorted(set(names)))
    if not wanted:
        return NOTHING_KNOWN
    answers, key = _kept.setdefault(store, {}), (wanted, project)
    writes, now_s = store.writes, time.monotonic()
    kept = answers.get(key)
    if kept is not None and kept.writes == writes and now_s - kept.at_s <= _KEPT_S:
        return kept.origins
    found = await _asked(store, wanted, project)
    if len(answers) >= _MOST_KEPT:
        answers.clear()
    answers[key] = _Kept(origins=found, writes=writes, at_s=now_s)
    return found


async def _asked(store: Store, names: Sequence[str], project: str | None) -> ScoreOrigins:
    rows = await store.query(
        statement(__package__, "score_origins"), {"names": list(names)}, settings=_SETTINGS
    )
    projects: list[str] = []
    if any(row["BeforeTrace"] for row in rows):
        projects = [project] if project else await _projects(store)
    return origins_of(names, rows, projects)


def origins_of(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], projects: Sequence[str] = ()
) -> ScoreOrigins:
    """What the rows of `score_origins` tell of ``names``. Pure."""
    keys = {
        name: {
            (row["Source"], row["Evaluator"], row["EvaluatorVersion"]) for row in rows if row["Name"] == name
        }
        for name in names
    }
    special = {row["Name"] for row in rows if row["OfSpan"] or (not row["Ok"] and len(keys[row["Name"]]) > 1)}
    several = any(len(keys[name]) > 1 for name in names if name not in special)
    versions = sorted({row["EvaluatorVersion"] for row in rows}, key=version_order) if several else []
    if (len(SOURCES) + 1) * (len(versions) + 1) > _MOST_RANKS:
        return ScoreOrigins(projects=projects)
    return ScoreOrigins(simple=frozenset(names) - special, versions=versions, projects=projects)


def version_order(version: str) -> tuple[list[str], str]:
    """A key that sorts versions, the numbers in them compared as numbers; as resolved_score.sql sorts.

    >>> sorted(["1.10", "1.9", "1"], key=version_order)
    ['1', '1.9', '1.10']
    """
    parts = re.findall("[0-9]+|[^0-9]+", version)
    return [part.rjust(20, "0")[:20] if part[0] in "0123456789" else part for part in parts], version


async def _projects(store: Store) -> list[str]:
    rows = await store.query("SELECT DISTINCT Project FROM traces", settings=_SETTINGS)
    return sorted(row["Project"] for row in rows)
