"""`groundtrace eval`: run evaluators over traces once, list them, calibrate and retest them."""

from __future__ import annotations

import json
from typing import Any

import click

from groundtrace_collector.commands import reading


@click.group()
def command() -> None:
    """Run evaluators over stored traces once; list, calibrate, retest them. For live traffic: `groundtrace jobs`."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_evaluators(*, as_json: bool) -> None:
    """List the evaluators that are installed here, with what each needs."""
    from groundtrace_collector.jobs.catalog import configured, loadable

    evaluators = [
        {
            "name": name,
            "version": evaluator.version,
            "method": evaluator.method,
            "threshold": evaluator.threshold,
            "direction": evaluator.direction,
            "inputs": sorted(field.value for field in evaluator.needs),
        }
        for name, evaluator in (loadable() | configured()).items()
    ]
    if as_json:
        click.echo(json.dumps({"evaluators": evaluators}, ensure_ascii=False, indent=2))
        return
    width = max(len(str(each["name"])) for each in evaluators)
    for each in evaluators:
        click.echo(f"{each['name']:<{width}}  {_words(each)}")


@command.command()
@click.argument("evaluator")
@click.option("--where", metavar="EXPRESSION", help="Only these traces: \"encoder = 'minilm@2'\".")
@reading.cohort
@click.option("--since", metavar="TIME", help="Started at or after: ISO 8601, or an age such as 24h or 7d.")
@click.option("--until", metavar="TIME", help="Started before.")
@click.option(
    "--sample", type=float, default=1.0, show_default=True, help="Share of the traces, by trace id."
)
@click.option("--always", metavar="EXPRESSION", help='These whatever the sample: "score.groundedness < 0.3".')
@click.option(
    "--budget-usd", type=click.FloatRange(min=0, min_open=True), help="What this run may spend. [no limit]"
)
@click.option("--project", metavar="P", help="Only this project. [all but groundtrace's own]")
@click.option("--url", metavar="URL", help="The collector. [GROUNDTRACE_URL, else http://127.0.0.1:4318]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def run(
    context: click.Context,
    /,
    evaluator: str,
    where: str | None,
    cohort: str | None,
    since: str | None,
    until: str | None,
    sample: float,
    always: str | None,
    budget_usd: float | None,
    project: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Score the matching traces with EVALUATOR, save those that it has scored, and wait for the end.

    The evaluator runs in this process; workers help.
    """
    from groundtrace_collector.jobs.console import outcome, run_here
    from groundtrace_collector.jobs.protocol import RunRequest

    request = RunRequest(
        evaluators=(evaluator,),
        where=where,
        cohort=cohort,
        project=project,
        sample=sample,
        always=always,
        budget_usd=budget_usd,
        since=since,
        until=until,
    )
    status = run_here(url, request)
    if as_json:
        click.echo(json.dumps(status.model_dump(exclude={"run"}), ensure_ascii=False))
    else:
        click.echo(f"{evaluator}: {outcome(status)}")
    context.exit(0 if status.finished and not status.out_of_budget else 1)


@command.command()
@click.argument("name")
@click.option(
    "--labels",
    default="human",
    show_default=True,
    metavar="SOURCE",
    help="human: scores of this name that people gave; or feedback.NAME, such as feedback.thumbs.",
)
@click.option("--method", type=click.Choice(["platt", "isotonic"]), default="platt", show_default=True)
@reading.filters
@reading.cohort
@click.option("--project", metavar="P", help="Learn from this project, for this project. [from all, for all]")
@reading.reads
def calibrate(
    name: str,
    labels: str,
    method: str,
    where: str | None,
    cohort: str | None,
    since: str | None,
    until: str | None,
    project: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Calibrate the stored scores called NAME on what people said of the same traces.

    Labels in a file come first by `groundtrace scores import FILE --set name=NAME --set source=human`. The
    result is kept: scores to come fail below its threshold, all show its probability, and gates take it as
    proof where the evaluator agrees with the labels.
    """
    asked: dict[str, str | None] = {"name": name, "labels": labels, "method": method}
    asked |= {"where": where, "cohort": cohort, "since": since, "until": until, "project": project}
    with reading.client_of(url) as client:
        kept = client.post("/api/v1/calibrations", asked)
    if as_json:
        reading.print_json(kept)
        return
    for line in _calibrated(kept):
        click.echo(line)


@command.command()
@reading.reads
def calibrations(url: str | None, *, as_json: bool) -> None:
    """List the calibrations that are in force."""
    answer = reading.ask(url, "/api/v1/calibrations", {})
    if as_json:
        reading.print_json(answer)
        return
    for kept in answer["calibrations"]:
        click.echo("\n".join(_calibrated(kept)))
    if not answer["calibrations"]:
        click.echo("no calibration is in force; make one: groundtrace eval calibrate NAME", err=True)


@command.command("retest")
@click.argument("evaluator")
@reading.filters
@reading.cohort
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Cases.")
@reading.reads
def retest_(
    evaluator: str,
    where: str | None,
    cohort: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Ask EVALUATOR again, here, about the traces it scored last, and say how often its verdict changed.

    Nothing is stored and no kept verdict is used, so a judge is paid again; its settings' budget holds.
    """
    from groundtrace_collector.calibrations.retest import retest

    asked = {"where": where, "cohort": cohort, "since": since, "until": until, "limit": limit}
    with reading.client_of(url) as client:
        found = retest(client, evaluator, asked)
    if as_json:
        reading.print_json(found.as_json())
        return
    flips = found.flips
    click.echo(f"{found.evaluator} {found.version} ({found.method}), threshold {found.threshold:.3f}")
    click.echo(
        f"  flip rate           {flips.value:.3f} ({flips.low:.3f} to {flips.high:.3f}) of {flips.n} cases"
    )
    if found.unscored:
        click.echo(f"  without a number    {found.unscored} the second time")
    click.echo(f"  cost                {'not known' if found.cost_usd is None else f'${found.cost_usd:.4f}'}")


def _calibrated(kept: dict[str, Any]) -> list[str]:
    """A calibration in words, a line a figure."""
    of = kept["calibration"]
    kappa, proven = of["kappa"], "proven" if kept["proven"] else "not proven"
    counted = f"{of['n_true']:,} true, {of['n_false']:,} false, {of['unscored']:,} without a score"
    left_out = [
        f"left out: {kept[key]:,} {words}"
        for key, words in (("other_versions", "scores of other versions"), ("unclear", "unclear labels"))
        if kept.get(key)
    ]
    return [
        f"{of['evaluator']} {of['version']} ({of['scored_by']}), {kept['project'] or 'every project'}",
        "; ".join([f"  labels              {counted} ({kept['labels']})", *left_out]),
        f"  threshold           {of['threshold']:.3f} ({of['method']})",
        f"  kappa               {kappa['value']:.2f} ({kappa['low']:.2f} to {kappa['high']:.2f}), agreement {proven}",
        f"  balanced accuracy   {of['balanced_accuracy']:.2f}",
        f"  calibration error   {of['ece']:.3f} over {of['ece_bins']} bins",
    ]


def _words(evaluator: dict[str, Any]) -> str:
    worse = "above" if evaluator["direction"] == "lower" else "below"
    needs = ", ".join(field.replace("_", " ") for field in evaluator["inputs"])
    return (
        f"version {evaluator['version']}, {evaluator['method']}, "
        f"fails {worse} {evaluator['threshold']:g}, needs {needs}"
    )
