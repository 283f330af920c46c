"""`groundtrace compare`: two values of a dimension side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from groundtrace_collector.commands import reading, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@click.command()
@click.option(
    "--by",
    required=True,
    metavar="DIMENSION",
    help="What the sides differ in: encoder, metadata.KEY, window.",
)
@click.option(
    "--base", required=True, metavar="VALUE", help="The value that is compared against; a window is 14d/7d."
)
@click.option("--candidate", required=True, metavar="VALUE", help="The value that is judged.")
@click.option("--metrics", required=True, metavar="NAMES", help="Separated by commas.")
@click.option("--cohort", metavar="DIMENSION", help="One comparison for each of its values.")
@click.option("--saved", metavar="NAME", help="Only the traces of a saved cohort.")
@reading.filters
@reading.reads
def command(
    by: str,
    base: str,
    candidate: str,
    metrics: str,
    cohort: str | None,
    saved: str | None,
    where: str | None,
    since: str | None,
    until: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Compare two values of a dimension, cohort by cohort.

    `won/lost/tied` counts the pairs in which the candidate is better, worse and equal; `detects` is the smallest
    difference that so many traces show in 80 of 100 cases. With --cohort, the rows `quality` and `mix` part the whole
    difference: what changed within the cohorts, and what other traffic made of it. Without --until the verdicts
    stay valid however often you look.
    """
    params = {
        "by": by,
        "base": base,
        "candidate": candidate,
        "metrics": metrics,
        "cohort": cohort,
        "saved": saved,
        "where": where,
        "since": since,
        "until": until,
    }
    from groundtrace_collector.query.absences import of_comparison

    answer = reading.ask(url, "/api/v1/compare", params)
    if as_json:
        reading.print_json(answer)
        return
    table.show(
        ["cohort", "metric", base, candidate, "difference", "n", "won/lost/tied", "detects", "verdict"],
        [
            line
            for row in answer["cohorts"]
            for name, each in row["metrics"].items()
            for line in _lines(row["key"], name, each)
        ],
    )
    for words in of_comparison(answer):
        click.echo(words, err=True)


def _lines(key: str, name: str, each: Mapping[str, Any]) -> Iterator[list[object]]:
    """The metric's row; below the whole's, what part of the difference is quality and what is mix."""
    yield [
        key or "(none)",
        name,
        table.interval(each["base"]),
        table.interval(each["candidate"]),
        table.interval(each["difference"]),
        f"{each['difference']['n']} {'pairs' if each['paired'] else 'traces'}",
        "" if each["wins"] is None else f"{each['wins']}/{each['losses']}/{each['ties']}",
        each["detectable"],
        each["verdict"],
    ]
    for part, value in (each.get("parts") or {}).items():
        yield [key, f"{name}, {part}", "", "", table.interval(value), "", "", "", ""]
