"""What the read commands share: options, the question to the collector, JSON or table on stdout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import click

from groundtrace_collector.errors import CollectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from groundtrace import Client

    Command = TypeVar("Command", bound=Callable[..., None])

Answer = dict[str, Any]


def reads(function: Command) -> Command:
    """`--url` and `--json`."""
    function = click.option("--json", "as_json", is_flag=True, help="Print the API's JSON.")(function)
    return click.option(
        "--url", metavar="URL", help="The collector. [GROUNDTRACE_URL, else http://127.0.0.1:4318]"
    )(function)


def filters(function: Command) -> Command:
    """`--where`, `--since` and `--until`."""
    for option, metavar, help_ in (
        ("--until", "TIME", "Before this: ISO 8601, or an age."),
        ("--since", "TIME", "From this on: ISO 8601, or an age such as 24h or 7d."),
        ("--where", "EXPRESSION", "For instance \"encoder = 'minilm@2' and score.groundedness < 0.5\"."),
    ):
        function = click.option(option, metavar=metavar, help=help_)(function)
    return function


def cohort(function: Command) -> Command:
    """`--cohort`: a saved cohort, which narrows what `--where` leaves."""
    return click.option("--cohort", metavar="NAME", help="Only the traces of a saved cohort.")(function)


def ask(url: str | None, path: str, params: Mapping[str, object]) -> Answer:
    """The collector's answer; raises ExportError when none answers, ApiError when it refuses."""
    with client_of(url) as client:
        return client.get(path, params)


def client_of(url: str | None) -> Client:
    """A client of the collector at ``url``; the environment decides where it is None."""
    from groundtrace import Client

    return Client(url)


def write(path: Path, report: str) -> None:
    """The report as a file; raises CollectorError where it cannot be written."""
    try:
        path.write_text(report, encoding="utf-8")
    except OSError as error:
        raise CollectorError(f"cannot write {path}: {error.strerror or error}") from error


def print_json(answer: Answer) -> None:
    """The answer as one JSON text."""
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
