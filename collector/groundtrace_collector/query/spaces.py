"""Similarities of two encoders are on two scales (DESIGN 2, point 8): metrics of them are of one space only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.query.filters import Selection
    from groundtrace_collector.query.metrics import Metric
    from groundtrace_collector.store.store import Store

WHOLE: Mapping[str, object] = {}


async def refuse_mixed_spaces(
    store: Store,
    metrics: Sequence[Metric],
    selection: Selection,
    *,
    grouped: str = "''",
    parameters: Mapping[str, object] = WHOLE,
) -> None:
    """Raise QueryError when a metric would put together or compare values of two spaces.

    ``grouped`` is SQL over `traces`: what stands in one group must be of one space; by default all that is
    selected. ``parameters`` are the values that it binds. Reads the store only for metrics that have a space.
    """
    for metric in metrics:
        if metric.space:
            sql = (
                statement(__package__, "spaces")
                .replace("GROUPED", grouped)
                .replace("SPACE", metric.space)
                .replace("VALUE", metric.value)
                .replace("CONDITION", selection.sql)
            )
            for row in await store.query(sql, {**selection.parameters, **parameters}):
                raise QueryError("mixed_spaces", _words(metric.name, str(row["Key"]), row["Spaces"]))


def _words(metric: str, key: str, spaces: Sequence[str]) -> str:
    named = ", ".join(space or "(unknown)" for space in spaces)
    place = f" of cohort {key!r}" if key else ""
    return (
        f"{metric} would mix the scores{place} of several embedding spaces ({named}), which have scales of their "
        "own; ask within one encoder (by=…,encoder in cohorts, where encoder = '…'), or use margin_auroc, which "
        "has no scale"
    )
