"""`groundtrace traces`: list traces."""

from __future__ import annotations

import click

from groundtrace_collector.commands import reading, table


@click.command()
@reading.filters
@reading.cohort
@click.option("--order", metavar="FIELD", help="A field, or -FIELD for the largest first. [-started_at]")
@click.option("--limit", type=int, help="Rows. [50, at most 1000]")
@click.option("--cursor", metavar="TEXT", help="The next_cursor of the page before.")
@reading.reads
def command(
    where: str | None,
    since: str | None,
    until: str | None,
    cohort: str | None,
    order: str | None,
    limit: int | None,
    cursor: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """List traces, newest first."""
    params = {
        "where": where,
        "since": since,
        "until": until,
        "cohort": cohort,
        "order": order,
        "limit": limit,
        "cursor": cursor,
    }
    answer = reading.ask(url, "/api/v1/traces", params)
    if as_json:
        reading.print_json(answer)
        return
    table.show(
        ["started", "trace", "project", "name", "ms", "status", "encoder", "query", "scores"],
        [
            [
                trace["started_at"],
                trace["trace_id"],
                trace["project"],
                trace["name"],
                trace["duration_ms"],
                "incomplete" if trace["incomplete"] else trace["status"],
                trace["encoder"],
                trace["query"],
                " ".join(_score(score) for score in trace["scores"] if not score["span_id"]),
            ]
            for trace in answer["traces"]
        ],
    )
    if not answer["traces"]:
        click.echo("no trace matches", err=True)
    if answer["next_cursor"]:
        click.echo(f"More with --cursor {answer['next_cursor']}", err=True)


def _score(score: reading.Answer) -> str:
    value = table.number(score["score"]) or score["label"] or score["status"]
    return f"{score['name']}={value}"
