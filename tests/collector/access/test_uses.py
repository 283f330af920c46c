"""When a key was last used: known at once, kept coarsely, and never a write a request."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from groundtrace_collector.access.key import Role
from groundtrace_collector.access.keyring import Keyring
from groundtrace_collector.access.uses import WRITE_EVERY_S, KeyUses
from groundtrace_collector.store.store import Store
from tests.collector.access.conftest import Door, bearer
from tests.collector.pages.markup import table_rows

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


async def stored(store: Store) -> list[tuple[str, int]]:
    """Every row that was written, also those that a merge will drop."""
    rows = await store.query("SELECT Prefix, UsedAt FROM key_uses ORDER BY UsedAt, Prefix")
    return [(row["Prefix"], int(row["UsedAt"].timestamp())) for row in rows]


async def test_a_thousand_requests_are_two_writes(store: Store) -> None:
    now = [NOON]
    uses = KeyUses(store, clock=lambda: now[0])

    for _ in range(1_000):
        uses.note("gt_a")
        now[0] += 0.1
        await asyncio.sleep(0)
    await uses.close()

    assert [prefix for prefix, _ in await stored(store)] == ["gt_a", "gt_a"]  # the first, and at the end
    assert (await uses.last())["gt_a"].timestamp() == int(NOON + 99.9)


async def test_it_is_written_again_after_some_minutes_and_when_the_clock_was_set_back(store: Store) -> None:
    now = [NOON]
    uses = KeyUses(store, clock=lambda: now[0])
    for moment in (NOON, NOON + WRITE_EVERY_S, NOON - 3_600):
        now[0] = moment
        uses.note("gt_a")
        await uses.close()

    assert len(await stored(store)) == 3
    # The clock that went back does not make a use older than another.
    assert (await KeyUses(store).last())["gt_a"].timestamp() == NOON + WRITE_EVERY_S


async def test_a_use_that_is_written_already_is_not_written_again(store: Store) -> None:
    uses = KeyUses(store, clock=lambda: NOON)
    uses.note("gt_a")

    await uses.close()
    await uses.close()

    assert await stored(store) == [("gt_a", int(NOON))]


async def test_it_outlives_the_process(store: Store) -> None:
    first = Keyring(store, shared=False)
    key, token = await first.create(name="app", role=Role.INGEST, project=None)
    await first.create(name="idle", role=Role.INGEST, project=None)
    await first.caller(token)
    await first.close()

    app, idle = await Keyring(store, shared=False).keys()

    assert (app.prefix, idle.last_used_at) == (key.prefix, None)
    assert app.last_used_at is not None
    assert abs((datetime.now(UTC) - app.last_used_at).total_seconds()) < 60


async def test_a_store_that_is_down_delays_the_write(store: Store) -> None:
    uses = KeyUses(store, clock=lambda: NOON)
    await store.command("RENAME TABLE key_uses TO gone")
    uses.note("gt_a")
    await uses.close()
    await store.command("RENAME TABLE gone TO key_uses")

    await uses.close()

    assert await stored(store) == [("gt_a", int(NOON))]


async def test_api_and_page_show_it_to_admins(door: Door) -> None:
    admin, reader = await door.token(Role.ADMIN), await door.token(Role.READ)
    await door.client.get("/api/v1/traces", headers=bearer(reader))
    idle = await door.token(Role.INGEST)

    keys = (await door.client.get("/api/v1/keys", headers=bearer(admin))).json()["keys"]
    page = (await door.client.get("/settings", headers=bearer(admin))).text
    other = (await door.client.get("/settings", headers=bearer(reader))).text

    assert [key["last_used_at"] is not None for key in keys] == [True, True, False]
    assert [row[4] for row in table_rows(page, "keys-title")] == ["just now", "just now", "never"]
    assert idle not in page
    assert "keys-title" not in other


async def test_a_store_without_keys_says_so_on_the_page(door: Door) -> None:
    assert "groundtrace keys create NAME --role admin" in (await door.client.get("/settings")).text
