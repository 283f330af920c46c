"""`groundtrace card`: what is known of an encoder version."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from groundtrace_collector.commands import reading

METRICS = "traces,recall@5,score:context_relevance,fail_rate:groundedness,p95_ms"


@click.command()
@click.argument("encoder")
@click.option(
    "--by", default="metadata.doc_family", show_default=True, metavar="DIMENSION", help="Live cohorts."
)
@click.option("--metrics", default=METRICS, show_default=True, metavar="NAMES", help="Live metrics.")
@click.option("--since", metavar="TIME", help="Of the live traces: ISO 8601, or an age such as 7d.")
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A report of `groundtrace replay`; may be given again.",
)
@click.option("--reports-only", is_flag=True, help="Ask no collector.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the Markdown there.")
@reading.reads
def command(
    encoder: str,
    by: str,
    metrics: str,
    since: str | None,
    reports: tuple[Path, ...],
    out: Path | None,
    url: str | None,
    *,
    reports_only: bool,
    as_json: bool,
) -> None:
    """Print the card of an encoder version (name@version), from live traces and replays, as Markdown."""
    from groundtrace_collector.replay.card import card, live_part, replayed_part
    from groundtrace_collector.replay.card_text import markdown
    from groundtrace_collector.replay.report import read_report

    if reports_only and not reports:
        raise click.UsageError("--reports-only needs at least one --report FILE")
    replays = [replayed_part(read_report(path), encoder) for path in reports]
    live = None
    if not reports_only:
        quoted = encoder.replace("'", "''")
        asked = {"metrics": metrics, "since": since, "where": f"encoder = '{quoted}'"}
        whole = reading.ask(url, "/api/v1/cohorts", asked | {"by": "encoder"})
        cohorts = reading.ask(url, "/api/v1/cohorts", asked | {"by": by})
        live = live_part(whole, cohorts, since=since, encoder=encoder)
    found = card(encoder, live, replays, now=datetime.now(UTC))
    text = markdown(found)
    click.echo(found.model_dump_json(indent=2) if as_json else text, nl=as_json)
    if out is not None:
        reading.write(out, text)
