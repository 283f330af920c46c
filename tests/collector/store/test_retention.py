"""How long rows are kept follows the setting, on a new store and on one that had another."""

from groundtrace_collector.store.retention import AGE_OF, keep_days
from groundtrace_collector.store.store import Store
from tests.collector.conftest import RETENTION_DAYS


async def _kept(store: Store) -> dict[str, str]:
    """The TTL of each table that has one."""
    rows = await store.query(
        "SELECT name, extract(engine_full, 'TTL .*?(toIntervalDay\\\\([0-9]+\\\\))') AS kept"
        " FROM system.tables WHERE database = currentDatabase() AND kept != ''"
    )
    return {row["name"]: row["kept"] for row in rows}


async def test_each_table_that_grows_with_traffic_drops_its_rows_after_the_days_set(store: Store) -> None:
    assert await _kept(store) == dict.fromkeys(AGE_OF, f"toIntervalDay({RETENTION_DAYS})")


async def test_another_retention_reaches_every_table_of_a_store_that_exists(store: Store) -> None:
    await store.ingest.run(lambda driver: keep_days(driver, 7))

    assert await _kept(store) == dict.fromkeys(AGE_OF, "toIntervalDay(7)")
