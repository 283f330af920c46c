"""When each key last came in: noted in memory with each request, written now and then."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from groundtrace_collector.errors import StoreError
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)

WRITE_EVERY_S: Final = 300.0
"""What a killed process forgets, at most."""


class KeyUses:
    """The last use of each key, by the key's prefix, to the second here and to some minutes in the store."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._used: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._written_at = 0.0
        self._writing: asyncio.Task[None] | None = None

    def note(self, prefix: str) -> None:
        """A key came in; must be called in the event loop."""
        now = self._clock()
        self._used[prefix] = int(now)
        idle = self._writing is None or self._writing.done()
        if idle and abs(now - self._written_at) >= WRITE_EVERY_S:  # also when the clock was set back
            self._written_at = now
            self._writing = asyncio.create_task(self.write(), name="key-uses")

    async def last(self) -> dict[str, datetime]:
        """The last use of every key that was ever used, in UTC."""
        rows = await self._store.query(statement(__package__, "key_uses"))
        found = {row["Prefix"]: int(row["UsedAt"].timestamp()) for row in rows}
        for prefix, at in self._used.items():
            found[prefix] = max(at, found.get(prefix, 0))
        return {prefix: datetime.fromtimestamp(at, UTC) for prefix, at in found.items()}

    async def write(self) -> None:
        """Keep what was noted since the last time; a store that is down is left for the next time."""
        news = {prefix: at for prefix, at in self._used.items() if self._written.get(prefix) != at}
        try:
            await self._store.insert(
                "key_uses",
                [
                    {"Prefix": prefix, "UsedAt": datetime.fromtimestamp(at, UTC)}
                    for prefix, at in news.items()
                ],
            )
        except StoreError as error:
            logger.warning("When keys were last used could not be written: %s", error)
        else:
            self._written |= news

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.write()
