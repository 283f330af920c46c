"""Where the scores of some names came from, which decides how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from groundtrace_collector.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOrigins:
    """What is known of the scores that a question needs; the empty one knows nothing and assumes the worst."""

    simple: frozenset[str] = frozenset()
    """Names whose rows are all of whole traces and ok (`trace_scores.sql`)."""
    ranked: Sequence[str] = ()
    """`source version` of all names, in the order in which they count, least first."""
    projects: Sequence[str] = ()
    """Every project that has traces, where some of the scores came before their trace; else none."""


NOTHING_KNOWN = ScoreOrigins()


async def score_origins(store: Store, names: Iterable[str], *, project: str | None) -> ScoreOrigins:
    """What is known of ``names`` now, for a question about ``project``; asked anew by each question."""
    wanted = sorted(set(names))
    if not wanted:
        return NOTHING_KNOWN
    rows = await store.query(statement(__package__, "score_origins"), {"names": wanted})
    special = {row["Name"] for row in rows if row["OfSpans"] or not row["AllOk"]}
    projects: list[str] = []
    if any(row["BeforeTraces"] for row in rows):
        projects = [project] if project else await _projects(store)
    return ScoreOrigins(
        simple=frozenset(wanted) - special,
        ranked=tuple(dict.fromkeys(row["Origin"] for row in rows)),
        projects=projects,
    )


async def _projects(store: Store) -> list[str]:
    rows = await store.query("SELECT DISTINCT toString(Project) AS Name FROM traces ORDER BY Name")
    return [row["Name"] for row in rows]
