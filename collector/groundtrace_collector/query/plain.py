"""Which scores need no choosing: one evaluator, one version, whole traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from groundtrace_collector.store.store import Store


async def plain_scores(store: Store, names: Iterable[str]) -> frozenset[str]:
    """Those of ``names`` whose rows can be taken as they are, now; asked anew by each question."""
    wanted = sorted(set(names))
    if not wanted:
        return frozenset()
    rows = await store.query(statement(__package__, "score_origins"), {"names": wanted})
    return frozenset(row["Name"] for row in rows if row["Plain"])
