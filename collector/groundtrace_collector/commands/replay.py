"""`groundtrace replay`: a dataset through two encoders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import click

from groundtrace_collector.commands import reading, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from groundtrace_collector.replay.report import Cohort, Report, TwoByTwoReport

Made = TypeVar("Made", bound="Report | TwoByTwoReport")


def _cut_offs(context: click.Context, option: click.Parameter, text: str) -> tuple[int, ...]:
    del context, option
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"whole numbers from 1 on, separated by commas, got {text!r}")
    return tuple(sorted({int(part) for part in parts}))


@click.command()
@click.option(
    "--dataset", metavar="NAME|FILE", help="A dataset of the collector, or a JSONL, CSV or Parquet file."
)
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Instead: the newest N live queries.")
@click.option("--where", metavar="EXPRESSION", help="Of --sample: which traces.")
@click.option("--cohort", metavar="NAME", help="Of --sample: only the traces of a saved cohort.")
@click.option("--since", metavar="TIME", help="Of --sample: ISO 8601, or an age such as 24h or 7d.")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    help="Lines of id and content. [the rows' or traces' own]",
)
@click.option(
    "--base-corpus",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    help="Instead of --corpus: the old one, for a 2x2 replay.",
)
@click.option(
    "--candidate-corpus",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    help="The new one, for a 2x2 replay.",
)
@click.option("--base", required=True, metavar="ENCODER", help="The encoder that is compared against.")
@click.option("--candidate", required=True, metavar="ENCODER", help="The encoder that is judged.")
@click.option("--k", default="5,10", show_default=True, callback=_cut_offs, metavar="K,…", help="Cut-offs.")
@click.option("--by", metavar="DIMENSION", help="Cohorts: metadata.KEY, intent, source.")
@click.option(
    "--cluster",
    type=click.Choice(["query", "document"]),
    default="query",
    show_default=True,
    help="What is drawn together.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the report's JSON there.")
@reading.reads
def command(
    dataset: str | None,
    sample: int | None,
    where: str | None,
    cohort: str | None,
    since: str | None,
    corpus: Path | None,
    base_corpus: Path | None,
    candidate_corpus: Path | None,
    base: str,
    candidate: str,
    k: tuple[int, ...],
    by: str | None,
    cluster: Literal["query", "document"],
    out: Path | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Run a dataset, or live queries, through two encoders over one corpus.

    An ENCODER is module:attribute (LangChain Embeddings, an object with encode, a function of texts), an
    OpenAI-compatible endpoint http://HOST/v1#model=NAME&dimension=N, or a folder with an ONNX model.

    With --base-corpus and --candidate-corpus both encoders search both, and what the encoder changes is parted
    from what the documents change.
    """
    from groundtrace_collector.replay import sources
    from groundtrace_collector.replay.encoders import encoder_at
    from groundtrace_collector.replay.replay import Settings, replay
    from groundtrace_collector.replay.two_by_two import replay_two_by_two

    if (dataset is None) == (sample is None):
        raise click.UsageError("give --dataset, or --sample for live queries; not both")
    if sample is None and (where or cohort or since):
        raise click.UsageError("--where, --cohort and --since choose live queries: they need --sample")
    if (base_corpus is None) != (candidate_corpus is None) or (base_corpus and corpus):
        raise click.UsageError("--base-corpus and --candidate-corpus go together, without --corpus")
    source = sources.Source(
        dataset=dataset, sample=sample or 0, where=where, cohort=cohort, since=since, corpus=corpus
    )
    name, rows, documents = sources.read(source, url)
    encoders = encoder_at(base), encoder_at(candidate)
    settings, now = Settings(k=k, by=by, cluster=cluster), datetime.now(UTC)
    if base_corpus is not None and candidate_corpus is not None:
        corpora = sources.read_corpus(base_corpus), sources.read_corpus(candidate_corpus)
        crossed = replay_two_by_two(name, rows, corpora, encoders, settings, now=now)
        _give(crossed, _show_effects, out, as_json=as_json)
        return
    report = replay(name, rows, documents, *encoders, settings, now=now)
    _give(report, _show, out, as_json=as_json)


def _give(report: Made, show: Callable[[Made], None], out: Path | None, *, as_json: bool) -> None:
    """The notes to stderr, the JSON or what ``show`` prints to stdout, the JSON to the file, as asked."""
    text = report.model_dump_json(indent=2)
    for each in report.warnings:
        click.echo(f"note: {each}", err=True)
    if as_json:
        click.echo(text)
    else:
        show(report)
    # Last: a path that cannot be written must not cost what a long replay found.
    if out is not None:
        reading.write(out, f"{text}\n")


def _show_effects(report: TwoByTwoReport) -> None:
    """Each measure's four cells and what the encoder and the corpus change."""
    cells = [
        f"{encoder}, {corpus} corpus"
        for corpus in ("old", "new")
        for encoder in (report.base.name, report.candidate.name)
    ]
    table.show(
        ["cohort", "metric", *cells, "encoder", "", "corpus", "", "interaction", "", "n"],
        [
            [
                cohort.key or "(none)",
                metric,
                each.base_base.value,
                each.candidate_base.value,
                each.base_candidate.value,
                each.candidate_candidate.value,
                *(
                    cell
                    for effect in (each.encoder, each.corpus, each.interaction)
                    for cell in (table.interval(effect.model_dump()), effect.verdict)
                ),
                each.base_base.n,
            ]
            for cohort in report.cohorts
            for metric, each in cohort.metrics.items()
        ],
    )


def _show(report: Report) -> None:
    """The comparison, then what changed among the neighbours, the encoders, and what it comes to."""
    _show_comparison(report)
    click.echo()
    _show_churn(report)
    click.echo()
    _show_encoders(report)
    click.echo(f"{report.candidate.name} against {report.base.name}, {report.dataset.rows} rows", err=True)
    for verdict in ("better", "worse"):
        click.echo(f"{verdict}: {_with_verdict(report, verdict) or 'nowhere'}", err=True)


def _with_verdict(report: Report, verdict: Literal["better", "worse"]) -> str:
    """The cohorts that have it, each with its measures."""
    found = {
        each.key: [name for name, measured in each.metrics.items() if measured.verdict == verdict]
        for each in report.cohorts
    }
    return "; ".join(
        f"{table.clean(key) or '(none)'} ({', '.join(names)})" for key, names in found.items() if names
    )


def _show_comparison(report: Report) -> None:
    table.show(
        [
            "cohort",
            "metric",
            report.base.name,
            report.candidate.name,
            "difference",
            "wins",
            "losses",
            "n",
            "verdict",
        ],
        [
            [
                cohort.key or "(none)",
                metric,
                table.interval(each.base.model_dump()),
                table.interval(each.candidate.model_dump()),
                table.interval(each.difference.model_dump()),
                each.wins,
                each.losses,
                f"{each.base.n} rows",
                each.verdict or "",
            ]
            for cohort in report.cohorts
            for metric, each in cohort.metrics.items()
        ],
    )


def _show_churn(report: Report) -> None:
    table.show(
        ["cohort", "churn", "value", "n", "noise of base", "noise of candidate", "gained", "lost"],
        [
            [
                cohort.key or "(none)",
                metric,
                table.interval(each.model_dump()),
                each.n,
                report.base.noise[metric].value,
                report.candidate.noise[metric].value,
                *_judged(cohort, metric),
            ]
            for cohort in report.cohorts
            for metric, each in cohort.churn.items()
        ],
    )


def _judged(cohort: Cohort, metric: str) -> tuple[int | None, int | None]:
    """Relevant documents that only the candidate, and only the base, has among the first K of `churn@K`."""
    judged = cohort.judged.get(metric.removeprefix("churn@"))
    return (judged.gained, judged.lost) if judged else (None, None)


def _show_encoders(report: Report) -> None:
    table.show(
        ["encoder", "fingerprint", "dimension", "ms a query (median)", "p95", "texts per second", "tokens"],
        [
            [
                each.name,
                each.fingerprint,
                each.dimension,
                table.interval(each.query_ms.model_dump()),
                each.query_ms_p95,
                each.texts_per_s,
                each.tokens,
            ]
            for each in (report.base, report.candidate)
        ],
    )
