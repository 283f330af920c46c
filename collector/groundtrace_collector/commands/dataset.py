"""`groundtrace dataset`: datasets in, out, and mined from traces."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from groundtrace_collector.commands import reading, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COLUMNS = ("name", "version", "rows", "created_at", "source")

_APPEND = click.option(
    "--append", is_flag=True, help="Keep the rows of the version before, save those of the same id."
)
_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def command() -> None:
    """Datasets: questions with what should be found for them, and what should not.

    Each import and each mining makes a new version; a version never changes.
    """


@command.command("list")
@reading.reads
def list_(url: str | None, *, as_json: bool) -> None:
    """List the datasets."""
    answer = reading.ask(url, "/api/v1/datasets", {})
    if as_json:
        reading.print_json(answer)
        return
    table.show(_COLUMNS, [[row[column] for column in _COLUMNS] for row in answer["datasets"]])
    if not answer["datasets"]:
        click.echo("there are no datasets; make one: groundtrace dataset import NAME FILE", err=True)


@command.command("import")
@click.argument("name")
@_FILE
@_APPEND
@reading.reads
def import_(name: str, file: Path, url: str | None, *, append: bool, as_json: bool) -> None:
    """Make FILE (.jsonl, .csv, .tsv or .parquet) the next version of dataset NAME.

    Columns are named as a row's fields: query, positive_chunk, hard_negative_chunk, expected_answer,
    positive_ids, embedding_model_version, metadata.KEY for cohort fields, and more. When a row is wrong nothing
    is imported.
    """
    from groundtrace_collector.datasets.transfer import import_dataset

    with reading.client_of(url) as client, _bar(file.name) as progress:
        made = import_dataset(client, name, file, append=append, progress=progress)
    _say(made, as_json=as_json)


@command.command("export")
@click.argument("name")
@_FILE
@click.option("--version", type=int, metavar="N", help="Another version than the newest.")
@reading.reads
def export(name: str, file: Path, version: int | None, url: str | None, *, as_json: bool) -> None:
    """Write dataset NAME to FILE (.jsonl, .csv, .tsv or .parquet)."""
    from groundtrace_collector.datasets.transfer import export_dataset

    with reading.client_of(url) as client, _bar(file.name) as progress:
        count = export_dataset(client, name, file, version=version, progress=progress)
    if as_json:
        reading.print_json({"name": name, "rows": count, "file": str(file)})
    else:
        click.echo(f"{count:,} rows written to {file}", err=True)


@command.command("mine")
@click.argument("name")
@reading.filters
@reading.cohort
@click.option(
    "--negatives",
    type=click.IntRange(1, 10),
    default=1,
    show_default=True,
    help="Rows of one trace at most, each with another hard negative.",
)
@_APPEND
@reading.reads
def mine(
    name: str,
    where: str | None,
    since: str | None,
    until: str | None,
    cohort: str | None,
    negatives: int,
    url: str | None,
    *,
    append: bool,
    as_json: bool,
) -> None:
    """Make the next version of dataset NAME out of traces.

    What is right is known from gold ids, human scores and thumbs up; hard negatives are documents that ranked
    above or beside it, or that the reranker put down. Says why traces gave no row.
    """
    with reading.client_of(url) as client:
        made = client.mine_dataset(
            name, where=where, cohort=cohort, since=since, until=until, negatives=negatives, append=append
        )
    _say(made, as_json=as_json)


def _say(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        reading.print_json(made)
        return
    mined = made.get("mined")
    if mined:
        click.echo(f"{mined['rows']:,} rows from {mined['traces']:,} traces", err=True)
        for reason, count in sorted(mined["skipped"].items(), key=lambda pair: -pair[1]):
            click.echo(f"{count:,} traces gave none: {reason}", err=True)
    click.echo(f"{made['name']} version {made['version']}: {made['rows']:,} rows", err=True)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int], None]]:
    """A count of rows on a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,} rows"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda count: bar.update(task, completed=count)
