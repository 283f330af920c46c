"""`groundtrace gate`: let a comparison block a release."""

from __future__ import annotations

from pathlib import Path

import click

from groundtrace_collector.commands import reading

FAILED = 1


class Misused(click.ClickException):
    """A gate that cannot be asked as it is written, in one line."""

    exit_code = 2


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Also write Markdown here.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Also write JUnit XML here.")
@reading.reads
def command(file: Path, markdown: Path | None, junit: Path | None, url: str | None, *, as_json: bool) -> None:
    """Hold live traces, the report of a replay, or a replay to run, against the rules in FILE.

    Exits 0 when the gate passes, 1 when it fails or no collector answers, 2 when what FILE asks
    cannot be understood or done.
    """
    from groundtrace_collector.gating import reports
    from groundtrace_collector.gating.decision import as_json as machine
    from groundtrace_collector.gating.gate_file import GateFileError
    from groundtrace_collector.gating.run import run_gate

    try:
        decision = run_gate(file, url=url)
    except GateFileError as error:
        raise Misused(str(error)) from error
    if as_json:
        reading.print_json(machine(decision))
    else:
        click.echo(reports.text(decision), nl=False)
    for path, make in ((markdown, reports.markdown), (junit, reports.junit)):
        if path is not None:
            reading.write(path, make(decision))
    if not decision.passed:
        raise SystemExit(FAILED)
