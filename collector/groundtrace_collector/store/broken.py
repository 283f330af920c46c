"""Parts that cannot be read: a disk that fills up while one is written may leave it there without its marks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from groundtrace_collector.errors import StoreError
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from groundtrace_collector.store.driver import Driver

logger = logging.getLogger(__name__)

# ClickHouse's codes for a file that ends too early, and for one that is damaged.
_CORRUPTED = frozenset({33, 246})


def is_of_broken_part(error: StoreError) -> bool:
    """Whether a statement failed on data that it could not read."""
    return error.engine_code in _CORRUPTED


def set_aside_broken(driver: Driver) -> None:
    """Detach every young part that cannot be read: while it is there, no statement over its table works.

    Its files stay in the table's `detached` folder. Who wrote it was told of the fault, or will find its rows
    missing.
    """
    for row in driver.query(statement("groundtrace_collector.store", "young_parts")):
        table, part = row["Table"], row["Part"]
        try:
            driver.query(
                f"SELECT countIf(ignore(*)) FROM {table} WHERE _part = {{part:String}}",  # noqa: S608
                {"part": part},
            )
        except StoreError as error:
            if not is_of_broken_part(error):
                raise
            logger.error("Part %s of %s cannot be read and is detached: %s", part, table, error)
            driver.command(f"ALTER TABLE {table} DETACH PART '{part}'")
