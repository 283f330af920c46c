"""`groundtrace scores`: list scores."""

from __future__ import annotations

import click

from groundtrace_collector.commands import reading, table

_COLUMNS = (
    "created_at",
    "trace_id",
    "span_id",
    "name",
    "score",
    "label",
    "status",
    "source",
    "evaluator",
    "version",
)


@click.command()
@click.option("--trace", "trace_id", metavar="ID", help="Only of this trace.")
@click.option("--name", metavar="NAME", help="Only scores of this name, such as groundedness.")
@click.option("--source", type=click.Choice(["evaluator", "human", "api"]), help="Only from here.")
@reading.filters
@click.option("--limit", type=int, help="Rows. [50, at most 1000]")
@click.option("--cursor", metavar="TEXT", help="The next_cursor of the page before.")
@reading.reads
def command(
    trace_id: str | None,
    name: str | None,
    source: str | None,
    where: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    cursor: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """List scores, newest first."""
    params = {
        "trace_id": trace_id,
        "name": name,
        "source": source,
        "where": where,
        "since": since,
        "until": until,
        "limit": limit,
        "cursor": cursor,
    }
    answer = reading.ask(url, "/api/v1/scores", params)
    if as_json:
        reading.print_json(answer)
        return
    table.show(_COLUMNS, [[row[column] for column in _COLUMNS] for row in answer["scores"]])
    if answer["next_cursor"]:
        click.echo(f"More with --cursor {answer['next_cursor']}", err=True)
