"""`groundtrace scores`: list scores, or import them from a file."""

from __future__ import annotations

from pathlib import Path

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
_SHOWN_PROBLEMS = 20


@click.group(invoke_without_command=True)
@click.option("--trace", "trace_id", metavar="ID", help="Only of this trace.")
@click.option("--name", metavar="NAME", help="Only scores of this name, such as groundedness.")
@click.option("--source", type=click.Choice(["evaluator", "human", "api"]), help="Only from here.")
@reading.filters
@reading.cohort
@click.option("--limit", type=int, help="Rows. [50, at most 1000]")
@click.option("--cursor", metavar="TEXT", help="The next_cursor of the page before.")
@reading.reads
@click.pass_context
def command(
    context: click.Context,
    /,
    trace_id: str | None,
    name: str | None,
    source: str | None,
    where: str | None,
    since: str | None,
    until: str | None,
    cohort: str | None,
    limit: int | None,
    cursor: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """List scores, newest first; or import them from a file."""
    if context.invoked_subcommand is not None:
        if any((trace_id, name, source, where, since, until, cohort, limit, cursor, url, as_json)):
            raise click.UsageError(f"options of {context.invoked_subcommand} go after it")
        return
    params = {
        "trace_id": trace_id,
        "name": name,
        "source": source,
        "where": where,
        "since": since,
        "until": until,
        "cohort": cohort,
        "limit": limit,
        "cursor": cursor,
    }
    answer = reading.ask(url, "/api/v1/scores", params)
    if as_json:
        reading.print_json(answer)
        return
    table.show(_COLUMNS, [[row[column] for column in _COLUMNS] for row in answer["scores"]])
    if not answer["scores"]:
        click.echo("no score matches", err=True)
    if answer["next_cursor"]:
        click.echo(f"More with --cursor {answer['next_cursor']}", err=True)


def _pairs(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``FIELD=TEXT`` options as a dictionary; a usage error for an unknown field."""
    from groundtrace_collector.imports.score_rows import FIELDS

    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not text or name not in FIELDS or name in pairs:
            raise click.BadParameter(
                f"{value!r} is not FIELD=TEXT, once a field, with a field of {', '.join(FIELDS)}",
                ctx=context,
                param=option,
            )
        pairs[name] = text
    return pairs


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    callback=_pairs,
    help="The column that holds a field, where it is named otherwise. Repeat for more.",
)
@click.option(
    "--set",
    "fixed",
    multiple=True,
    metavar="FIELD=VALUE",
    callback=_pairs,
    help="A field that is the same for every row, such as name=polite or source=human. Repeat for more.",
)
@click.option("--skip", multiple=True, metavar="COLUMN", help="Leave this column out. Repeat for more.")
@reading.reads
@click.pass_context
def import_(
    context: click.Context,
    /,
    file: Path,
    columns: dict[str, str],
    fixed: dict[str, str],
    skip: tuple[str, ...],
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Import scores from FILE, a CSV (or TSV) or Parquet table.

    Columns are named as the API's fields: trace_id, name, and score, label or status; span_id, explanation,
    source, evaluator, version, method, evidence, threshold, cost_usd. When a row is wrong none is sent. A
    score replaces only one of the same trace, span, name, source, evaluator and version, so the same file may
    be imported again.
    """
    from rich.console import Console
    from rich.progress import Progress

    from groundtrace_collector.imports.score_import import import_scores
    from groundtrace_collector.imports.score_rows import Columns

    chosen = Columns(
        renamed={column: field for field, column in columns.items()}, fixed=fixed, skipped=frozenset(skip)
    )
    console = Console(stderr=True)
    with (
        reading.client_of(url) as client,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task(file.name, total=None)
        done = import_scores(
            client,
            file,
            chosen,
            progress=lambda sent, total: bar.update(task, completed=sent, total=total),
        )
    if as_json:
        reading.print_json({"rows": done.rows, "accepted": done.accepted, "rejected": done.rejected})
    else:
        _say(file, done.accepted, done.rejected)
    context.exit(1 if done.rejected else 0)


def _say(file: Path, accepted: int, rejected: list[dict[str, object]]) -> None:
    for problem in rejected[:_SHOWN_PROBLEMS]:
        click.echo(f"{file}: row {problem['row']}: {problem['message']}", err=True)
    if len(rejected) > _SHOWN_PROBLEMS:
        click.echo(f"and {len(rejected) - _SHOWN_PROBLEMS:,} more rows like these", err=True)
    click.echo(
        f"{accepted:,} scores imported" if accepted or not rejected else "nothing was imported", err=True
    )
