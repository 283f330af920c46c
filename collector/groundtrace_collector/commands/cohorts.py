"""`groundtrace cohorts`: metrics for each value of a dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from groundtrace_collector.commands import reading, table

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@click.option(
    "--by",
    required=True,
    metavar="DIMENSION",
    help="A field such as encoder, metadata.KEY, language, query_length, day or hour; several with commas.",
)
@click.option(
    "--metrics",
    required=True,
    metavar="NAMES",
    help="Separated by commas: traces,p99_ms,fail_rate:groundedness.",
)
@reading.filters
@click.option("--cohort", metavar="NAME", help="Only the traces of a saved cohort.")
@click.option("--limit", type=int, help="Cohorts, the largest first. [200]")
@reading.reads
def command(
    by: str,
    metrics: str,
    where: str | None,
    since: str | None,
    until: str | None,
    cohort: str | None,
    limit: int | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Show metrics for each value of a dimension, with 95 % intervals.

    A cohort with fewer than 20 traces that a metric applies to says `insufficient data` before what was found.
    """
    params = {
        "by": by,
        "metrics": metrics,
        "where": where,
        "since": since,
        "until": until,
        "cohort": cohort,
        "limit": limit,
    }
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


def _cell(name: str, value: Mapping[str, Any]) -> str:
    from groundtrace_collector.query.metrics import is_insufficient

    if not is_insufficient(name, value["n"]):
        return table.interval(value)
    found = "" if value["value"] is None else f"{table.interval(value)}, "
    return f"insufficient data ({found}n {value['n']})"
