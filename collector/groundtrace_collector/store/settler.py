"""Settling: the rows of the traces that commits touched are computed again, at most once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path

from groundtrace_collector.errors import StoreError
from groundtrace_collector.prices.book import PriceBook
from groundtrace_collector.prices.table import NO_PRICES, PriceTable
from groundtrace_collector.store.broken import is_of_broken_part, set_aside_broken
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.sql import split_statements, statement
from groundtrace_collector.store.store import Store
from groundtrace_collector.store.watermark import Watermark

logger = logging.getLogger(__name__)

RETRY_S = 1.0
LOOK_EVERY_S = 5.0
COMMITS_AT_ONCE = 6  # bounds the memory of one settling to some six commits' spans
MOST_RESTS = 5  # what a trace waits at most while much comes, in times of `every_s`
OVERLAP_US = 60_000_000
_PACKAGE = "groundtrace_collector.store"
_PRICED = "{price_model:"  # what a statement binds that needs the prices of the spans' models
_OF_GOLD = "INSERT INTO margins"  # costs a fifth of a settling, and most traces name no gold documents
_TEMPORARY = re.compile(r"^CREATE TEMPORARY TABLE (\w+)", re.MULTILINE)
_MADE_OF = "ENGINE = Memory AS\n"


class Settler:
    """Keeps `traces` up with `otel_traces`.

    Commits of this process are told by `touch`. Rows that others wrote (OpenTelemetry's own exporter), and
    what a killed process left unsettled, are found by a look for commits newer than the last settled ones;
    ``record`` is the file that says up to where a killed process had settled all; ``prices`` say what the
    calls of a trace cost as it is settled.
    """

    def __init__(self, store: Store, *, record: Path, prices: PriceBook, every_s: float = 1.0) -> None:
        self._store = store
        self._prices = prices
        self._watermark = Watermark(record)
        self._every_s = every_s
        self._pending: list[int] = []
        self._settled: dict[int, None] = {}
        self._more_come = False
        self._touched = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._from_seq = 0
        self._at_once = COMMITS_AT_ONCE
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def start(self) -> None:
        """Begin, with what an earlier process left."""
        self._idle.clear()
        self._task = asyncio.create_task(self._run(), name="settle")

    def touch(self, seq: int, *, more_come: bool = False) -> None:
        """A commit of this process is stored, and large ones follow it or not."""
        self._pending.append(seq)
        self._more_come = more_come
        self._idle.clear()
        self._touched.set()

    @property
    def oldest_pending_us(self) -> int | None:
        """The sequence of the oldest commit that is not settled, which is its time; None without one."""
        return min(self._pending, default=None)

    async def idle(self) -> None:
        """Return once every commit told so far is settled."""
        await self._idle.wait()

    async def look(self) -> None:
        """Find commits that nobody told, and settle them with the others."""
        rows = await self._store.query(statement(_PACKAGE, "unsettled_seqs"), {"from_seq": self._from_seq})
        known = self._settled.keys() | set(self._pending)
        for row in rows:
            if row["Seq"] not in known:
                self.touch(int(row["Seq"]))

    async def _run(self) -> None:
        await self._resume()
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while True:
            if not self._pending:
                self._idle.set()
                self._touched.clear()
                if self._closing.is_set():
                    return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._touched.wait(), timeout=LOOK_EVERY_S)
            began = loop.time()
            if began - looked_at >= LOOK_EVERY_S:
                looked_at = began
                await self._try_look()
            if self._pending:
                await self._gather()
                began = loop.time()
                # A settling costs much before it settles anything: where commits queue for it, they are fewer.
                share = 6 if len(self._pending) > 1 else 3
                await self._settle_some()
                if len(self._pending) > self._at_once:
                    continue  # small commits come faster than one settling takes them: no rest before they are few
                took_s = loop.time() - began
                # Large ones gather before the next settling: that is rest enough.
                rest_s = 0.0 if self._more_come else min(share * took_s, MOST_RESTS * self._every_s)
                await self._pause(max(self._every_s - took_s, rest_s))

    async def _gather(self) -> None:
        """Wait while large commits follow each other: a settling costs much before it settles anything."""
        until = time.monotonic() + MOST_RESTS * self._every_s
        while self._more_come and len(self._pending) < self._at_once and time.monotonic() < until:
            had = len(self._pending)
            await self._pause(self._every_s)
            if len(self._pending) == had or self._closing.is_set():
                return

    async def _pause(self, seconds: float) -> None:
        """Wait, but not on the way out: a stop settles what is left at once."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), timeout=seconds)

    async def _resume(self) -> None:
        """Take up where an earlier process ended: its last minute may have been settled in part.

        A process behind its commits may have been killed, and the next one, too: what the traces say was
        settled last is not what was settled first.
        """
        while True:
            try:
                rows = await self._store.query("SELECT max(LastSeq) AS Seq FROM traces")
                last = int(rows[0]["Seq"])
                kept = self._watermark.read()
                self._from_seq = max(0, (last if kept is None else min(kept, last)) - OVERLAP_US)
                await self.look()
            except StoreError as error:
                logger.warning("The store does not tell what is settled, trying again: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _try_look(self) -> None:
        try:
            await self.look()
        except StoreError as error:
            logger.warning("The store was not searched for new commits: %s", error)

    async def _settle_some(self) -> None:
        seqs = self._pending[: self._at_once]
        try:
            await self._settle(seqs)
        except StoreError as error:
            logger.error("Traces could not be settled, trying again: %s", error)
            await self._heal(error)
            # One commit may be the cause: fewer at once find it, and it waits behind the others.
            self._at_once = max(1, len(seqs) // 4)
            self._pending = [*self._pending[len(seqs) :], *seqs]
            await asyncio.sleep(RETRY_S)
            return
        self._at_once = COMMITS_AT_ONCE
        del self._pending[: len(seqs)]
        self._watermark.keep(min(self._pending, default=max(seqs)))
        self._settled.update(dict.fromkeys(seqs))
        self._from_seq = max(self._from_seq, max(seqs) - OVERLAP_US)
        for seq in [seq for seq in self._settled if seq < self._from_seq]:
            del self._settled[seq]

    async def _heal(self, error: StoreError) -> None:
        """Where a part cannot be read, set it aside: nothing could be settled until the next start."""
        if is_of_broken_part(error):
            with contextlib.suppress(StoreError):
                await self._store.settling.run(set_aside_broken)

    async def _settle(self, seqs: Sequence[int]) -> None:
        version = self._store.next_seq()
        prices = self._prices.now()
        await self._store.settling.run(lambda driver: settle(driver, seqs, version=version, prices=prices))

    async def close(self) -> None:
        """Settle what is pending, and end."""
        self._closing.set()
        self._touched.set()
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=10)
            if not done:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def settle(driver: Driver, seqs: Sequence[int], *, version: int, prices: PriceTable = NO_PRICES) -> None:
    """Compute the rows of the traces that the commits ``seqs`` touched, as of ``version``, at ``prices``."""
    parameters: dict[str, object] = {"seqs": list(seqs), "version": version}
    there = {row["name"] for row in driver.query("SELECT name FROM system.tables WHERE is_temporary")}
    script = statement(_PACKAGE, "settle")
    gold = False
    for text in split_statements(script):
        if _PRICED in text:
            (known,) = driver.query(statement(_PACKAGE, "known_of_spans"))
            parameters |= prices.columns(known["Models"])
            gold = bool(known["Gold"])
        if gold or _OF_GOLD not in text:
            for command in _make_or_fill(text, there):
                driver.command(command, parameters)
    for table in _TEMPORARY.findall(script):
        driver.command(f"TRUNCATE TEMPORARY TABLE {table}")


def _make_or_fill(text: str, there: set[str]) -> list[str]:
    """A statement that makes a temporary table, where the handle has it already: empty it, and fill it.

    ClickHouse would plan the statement once more to know the columns of what it makes, a fifth of the whole.
    Adds the table to ``there``.
    """
    made = _TEMPORARY.search(text)
    if made is None:
        return [text]
    table = made[1]
    if table not in there:
        there.add(table)
        return [text]
    _, _, select = text.partition(_MADE_OF)
    return [f"TRUNCATE TEMPORARY TABLE {table}", *([f"INSERT INTO {table}\n{select}"] if select else [])]
