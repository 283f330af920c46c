"""`groundtrace keys`: who may come in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from groundtrace_collector.commands import table

_ROLES = ("ingest", "read", "admin")
_URL = click.option(
    "--url", metavar="URL", help="The collector. [GROUNDTRACE_URL, else the one on --store, else port 4318]"
)
_STORE = click.option(
    "--store", metavar="URL", help="The store itself, whether or not a collector runs on it."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """API keys: make, list and revoke them.

    Once a collector has had a key, nobody comes in without one. Asks the collector at --url, with the key in
    GROUNDTRACE_API_KEY. Who may read the store's folder needs no key: --store reaches the collector that
    runs on it, or the store itself when none does.
    """


@command.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    default="ingest",
    show_default=True,
    help="ingest: send spans, scores and feedback. read: pages, API and SQL. admin: everything.",
)
@click.option("--project", metavar="P", help="The only project that the key reaches. [all]")
@_URL
@_STORE
@_JSON
def create(
    name: str, role: str, project: str | None, url: str | None, store: str | None, *, as_json: bool
) -> None:
    """Make a key called NAME and print it, this once: only its hash is kept."""
    from groundtrace_collector.access.desk import desk

    made = asyncio.run(desk(url, store).create(name=name, role=role, project=project))
    reach = f"project {project}" if project else "every project"
    click.echo(f"groundtrace: key {name}, role {role}, {reach}. It is not shown again.", err=True)
    click.echo(_json(made) if as_json else made["key"])


@command.command("list")
@_URL
@_STORE
@_JSON
def list_keys(url: str | None, store: str | None, *, as_json: bool) -> None:
    """List the keys, revoked ones too, and when each last came in."""
    from groundtrace_collector.access.desk import desk

    keys = asyncio.run(desk(url, store).keys())
    if as_json:
        click.echo(_json({"keys": keys}))
    elif keys:
        columns = ["prefix", "name", "role", "project", "created_at", "last_used_at", "revoked_at"]
        table.show(columns, [[key[column] for column in columns] for key in keys])
    else:
        click.echo("groundtrace: no keys: whoever reaches the collector may do everything", err=True)


@command.command()
@click.argument("key", metavar="PREFIX|NAME")
@_URL
@_STORE
@_JSON
def revoke(key: str, url: str | None, store: str | None, *, as_json: bool) -> None:
    """End a key: it is refused from now on."""
    from groundtrace_collector.access.desk import desk

    ended = asyncio.run(desk(url, store).revoke(key))
    click.echo(f"groundtrace: key {ended['name']} ({ended['prefix']}) is revoked", err=True)
    if as_json:
        click.echo(_json(ended))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
