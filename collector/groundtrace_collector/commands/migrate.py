"""`groundtrace migrate`: bring a store's schema up to date without serving it."""

from __future__ import annotations

import asyncio
from typing import Any

import click


@click.command()
@click.option("--store", metavar="URL", help="chdb:///absolute/path or clickhouse://host:8123/database.")
def command(store: str | None) -> None:
    """Bring a store's schema up to date.

    `groundtrace serve` does the same at its start; this is for doing it at a time of your own. A migration
    that was killed is simply run again.
    """
    from groundtrace_collector.config import CollectorConfig
    from groundtrace_collector.store.address import without_password
    from groundtrace_collector.store.owner import Ownership
    from groundtrace_collector.store.store import Store

    given: dict[str, Any] = {"store": store} if store else {}
    config = CollectorConfig.from_env(**given)
    ownership = Ownership.claim(config.data_dir, address="groundtrace migrate") if config.embedded else None

    async def run() -> None:
        opened = await Store.open(
            config.store,
            data_dir=config.data_dir,
            memory_bytes=config.memory_bytes,
            retention_days=config.retention_days,
        )
        await opened.close()

    try:
        asyncio.run(run())
    finally:
        if ownership is not None:
            ownership.release()
    click.echo(f"groundtrace: {without_password(config.store)} is up to date", err=True)
