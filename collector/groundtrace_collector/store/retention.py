"""How long rows are kept: one TTL for all tables that grow with traffic."""

from __future__ import annotations

from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.sql import statement

_PACKAGE = "groundtrace_collector.store"

# The day that a row's age is counted from.
AGE_OF = {
    "otel_traces": "toDate(Timestamp)",
    "retrieved_documents": "toDate(Timestamp)",
    "traces": "toDate(StartedAt)",
    "scores": "toDate(CreatedAt)",
    "feedback": "toDate(CreatedAt)",
    "ledger": "toDate(CreatedAt)",
    "job_spending": "Day",
}


def keep_days(driver: Driver, days: int) -> None:
    """Make every table keep its rows for ``days`` days, where it does not already.

    Rows go by whole days, so with the day after: else the last hours of a day would be kept a day less, and what
    the gate still takes be dropped as it is stored. Rows that are there already are told the new day in the
    background: a part goes by the day that was written with it, whatever its table says by now.
    """
    kept = days + 1
    rows = driver.query(statement(_PACKAGE, "table_engines"), {"tables": list(AGE_OF)})
    for row in rows:
        if f"toIntervalDay({kept})" in row["engine_full"]:
            continue
        name = row["name"]
        driver.command(f"ALTER TABLE {name} MODIFY SETTING materialize_ttl_recalculate_only = 1")
        driver.command(
            f"ALTER TABLE {name} MODIFY TTL {AGE_OF[name]} + INTERVAL {kept:d} DAY "
            "SETTINGS materialize_ttl_after_modify = 1, mutations_sync = 0"
        )
