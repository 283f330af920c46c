"""The memory that one statement may have, as ClickHouse speaks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from groundtrace_collector.errors import StoreError

_MEMORY_LIMIT = 241  # ClickHouse's code for it, also where all statements together reached theirs


def never_fits(error: StoreError) -> bool:
    """Whether a statement by itself needs more memory than one may have: trying it again cannot help."""
    return error.engine_code == _MEMORY_LIMIT and "Query memory limit" in str(error)
