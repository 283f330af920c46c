"""`groundtrace migrate`: bring a store's schema up to date without serving it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click


@click.command()
@click.option("--store", metavar="URL", help="chdb:///absolute/path or clickhouse://host:8123/database.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: the store, and the migrations applied now."
)
def command(store: str | None, *, as_json: bool) -> None:
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

    async def run() -> list[str]:
        opened = await Store.open(
            config.store,
            data_dir=config.data_dir,
            memory_bytes=config.memory_bytes,
            retention_days=config.retention_days,
        )
        await opened.close()
        return list(opened.migrated)

    try:
        applied = asyncio.run(run())
    finally:
        if ownership is not None:
            ownership.release()
    address = without_password(config.store)
    click.echo(f"groundtrace: {address} is up to date: {_told(applied)}", err=True)
    if as_json:
        click.echo(json.dumps({"store": address, "applied": applied}, indent=2))


def _told(applied: list[str]) -> str:
    return f"applied {', '.join(applied)}" if applied else "nothing was to be done"
