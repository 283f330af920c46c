"""`groundtrace cohorts`: metrics for each value of a dimension; names for where-expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from groundtrace_collector.commands import reading, table

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.group(invoke_without_command=True)
@click.option(
    "--by",
    metavar="DIMENSION",
    help="A field such as encoder, metadata.KEY, language, query_length, document_age, day or hour; "
    "several with commas.",
)
@click.option(
    "--metrics",
    metavar="NAMES",
    help="Separated by commas: traces,p99_ms,fail_rate:groundedness.",
)
@reading.filters
@reading.cohort
@click.option("--limit", type=int, help="Cohorts, the largest first. [200]")
@reading.reads
@click.pass_context
def command(
    context: click.Context,
    /,
    by: str | None,
    metrics: str | None,
    where: str | None,
    since: str | None,
    until: str | None,
    cohort: str | None,
    limit: int | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Show metrics for each value of a dimension, with 95 % intervals; or save cohorts by name.

    --by and --metrics are needed. A cohort with fewer than 20 traces that a metric applies to says
    `insufficient data` before what was found.
    """
    given = (by, metrics, where, since, until, cohort, limit, url, as_json or None)
    if context.invoked_subcommand is not None:
        if any(value is not None for value in given):
            raise click.UsageError(f"options of {context.invoked_subcommand} go after it")
        return
    for option, value in (("--by", by), ("--metrics", metrics)):
        if value is None:
            raise click.UsageError(f"Missing option '{option}'.")
    params = {
        "by": by,
        "metrics": metrics,
        "where": where,
        "since": since,
        "until": until,
        "cohort": cohort,
        "limit": limit,
    }
    from groundtrace_collector.query.absences import of_cohorts

    answer = reading.ask(url, "/api/v1/cohorts", params)
    if as_json:
        reading.print_json(answer)
        return
    names = list(answer["cohorts"][0]["metrics"]) if answer["cohorts"] else []
    table.show(
        [answer["by"], *names],
        [
            [row["key"] or "(none)", *(_cell(name, row["metrics"][name]) for name in names)]
            for row in answer["cohorts"]
        ],
    )
    for words in of_cohorts(answer):
        click.echo(words, err=True)


def _cell(name: str, value: Mapping[str, Any]) -> str:
    from groundtrace_collector.query.metrics import is_insufficient

    if not is_insufficient(name, value["n"]):
        return table.interval(value)
    found = "" if value["value"] is None else f"{table.interval(value)}, "
    return f"insufficient data ({found}n {value['n']})"


@command.command()
@click.argument("name")
@click.argument("expression")
@reading.reads
def save(name: str, expression: str, url: str | None, *, as_json: bool) -> None:
    """Save a where-expression as cohort NAME, in place of what had that name.

    `--cohort NAME` takes it wherever `--where` is taken; a job with that cohort follows from its next look on.
    """
    with reading.client_of(url) as client:
        saved = client.save_cohort(name, expression)
    if as_json:
        reading.print_json(saved)
    else:
        click.echo(f"cohort {saved['name']} is saved: {saved['expression']}", err=True)


@command.command()
@reading.reads
def saved(url: str | None, *, as_json: bool) -> None:
    """List the saved cohorts."""
    with reading.client_of(url) as client:
        answer = client.saved_cohorts()
    if as_json:
        reading.print_json(answer)
        return
    columns = ("name", "expression", "created_at")
    table.show(columns, [[row[column] for column in columns] for row in answer["saved"]])
    if not answer["saved"]:
        click.echo("no cohort is saved; save one: groundtrace cohorts save NAME EXPRESSION", err=True)


@command.command()
@click.argument("name")
@reading.reads
def forget(name: str, url: str | None, *, as_json: bool) -> None:
    """Remove the saved cohort NAME; a job that has it looks for nothing until it is saved again."""
    with reading.client_of(url) as client:
        removed = client.forget_cohort(name)
    if as_json:
        reading.print_json(removed)
    else:
        click.echo(f"cohort {name} is forgotten", err=True)
