"""`groundtrace sql`: one SELECT over the collector's tables."""

from __future__ import annotations

import sys

import click

from groundtrace_collector.commands import reading, table


@click.command()
@click.argument("sql")
@reading.reads
def command(sql: str, url: str | None, *, as_json: bool) -> None:
    """Run one SELECT, given as SQL or, with "-", on stdin. docs/sql.md names the tables."""
    with reading.client_of(url) as client:
        answer = client.sql(sys.stdin.read() if sql == "-" else sql)
    if as_json:
        reading.print_json(answer)
        return
    table.show(answer["columns"], [list(row.values()) for row in answer["rows"]])
