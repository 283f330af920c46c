"""The collector as a whole: its settings, its store, and what works on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from groundtrace_collector.access.keyring import Keyring
from groundtrace_collector.commit.queue import CommitQueue
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.metrics import Metrics
from groundtrace_collector.prices.book import PriceBook
from groundtrace_collector.store.settler import Settler
from groundtrace_collector.store.store import Store


@dataclass(eq=False, kw_only=True)
class Collector:
    """What the routes of one server share; `app.state.collector`."""

    config: CollectorConfig
    store: Store
    prices: PriceBook = field(default_factory=PriceBook)
    commits: CommitQueue = field(init=False)
    settler: Settler = field(init=False)
    keys: Keyring = field(init=False)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.keys = Keyring(self.store, shared=not self.config.embedded)
        self.settler = Settler(
            self.store,
            record=self.config.data_dir / "settled",
            prices=self.prices,
            every_s=self.config.settle_ms / 1_000,
        )
        self.commits = CommitQueue(
            self.config,
            self.store,
            on_commit=lambda seq, more_come: self.settler.touch(seq, more_come=more_come),
            on_stored=self.metrics.committed,
        )
        self.metrics.watch(self)

    @classmethod
    async def open(cls, config: CollectorConfig) -> Self:
        """Open the store of ``config``; raises as `Store.open` and `PriceBook`."""
        prices = PriceBook(config.prices)
        store = await Store.open(
            config.store,
            data_dir=config.data_dir,
            memory_bytes=config.memory_bytes,
            retention_days=config.retention_days,
        )
        return cls(config=config, store=store, prices=prices)

    def start(self) -> None:
        """Begin to commit and to settle; what an earlier process left comes first."""
        self.settler.start()
        self.commits.start()

    async def close(self) -> None:
        """Store and settle what has been taken, then close the store."""
        await self.commits.close()
        await self.settler.close()
        await self.keys.close()
        await self.store.close()


async def open_collector(config: CollectorConfig) -> Collector:
    """A collector that runs; close it with `Collector.close`."""
    collector = await Collector.open(config)
    collector.start()
    return collector
