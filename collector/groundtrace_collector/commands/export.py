"""`groundtrace export`: traces out of the collector, all that match."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from groundtrace_collector.commands import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from groundtrace import Client


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@reading.filters
@reading.cohort
@click.option("--order", metavar="FIELD", help="A field, or -FIELD for the largest first. [-started_at]")
@click.option("--full", is_flag=True, help="With spans, documents, evaluations and feedback. JSONL only.")
@reading.reads
def command(
    file: Path | None,
    where: str | None,
    since: str | None,
    until: str | None,
    cohort: str | None,
    order: str | None,
    url: str | None,
    *,
    full: bool,
    as_json: bool,
) -> None:
    """Write every trace that matches to FILE (.jsonl, .csv, .tsv or .parquet), else to stdout as JSONL.

    A line of JSONL is a trace as `groundtrace traces --json` lists it, with --full as `groundtrace trace ID
    --json` shows it. With --json stdout has one JSON: the traces, or how many went to FILE.
    """
    from groundtrace_collector.exports.trace_file import NESTED, ending_of, write_lines, write_traces

    if file is not None and full and ending_of(file) != NESTED:
        raise click.UsageError(f"--full has spans inside traces, which only {NESTED} holds, got {file.name}")
    with reading.client_of(url) as client:
        found = client.iter_traces(where=where, cohort=cohort, since=since, until=until, order=order)
        traces = _whole(client, found) if full else found
        if file is not None:
            _say(file, write_traces(file, traces), as_json=as_json)
        elif as_json:
            reading.print_json({"traces": list(traces)})
        else:
            write_lines(sys.stdout, traces)


def _whole(client: Client, traces: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for trace in traces:
        yield client.trace(trace["trace_id"])


def _say(file: Path, count: int, *, as_json: bool) -> None:
    if as_json:
        reading.print_json({"file": str(file), "traces": count})
    else:
        click.echo(f"{count:,} traces written to {file}", err=True)
