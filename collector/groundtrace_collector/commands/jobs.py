"""`groundtrace jobs`: evaluation jobs over live traffic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from groundtrace.errors import ApiError
from groundtrace_collector.jobs.client import JobsClient
from groundtrace_collector.jobs.job import DEFAULT_EVERY

_URL = click.option(
    "--url", metavar="URL", help="The collector. [GROUNDTRACE_URL, else http://127.0.0.1:4318]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
Json = Mapping[str, Any]


@click.group()
def command() -> None:
    """Evaluation jobs: which evaluators score which traces, and how often.

    A job scores each trace once, when it has been silent for 10 seconds, and again if its inputs change.
    """


@command.command()
@click.argument("name")
@click.option(
    "--evaluator", "evaluators", multiple=True, required=True, metavar="E", help="Repeat for more than one."
)
@click.option("--where", metavar="EXPRESSION", help="Only these traces: \"metadata.doc_family = 'billing'\".")
@click.option(
    "--cohort", metavar="NAME", help="Only the traces of a saved cohort, as it stands at each look."
)
@click.option(
    "--sample", type=float, default=1.0, show_default=True, help="Share of the traces, by trace id."
)
@click.option("--always", metavar="EXPRESSION", help='These whatever the sample: "score.groundedness < 0.3".')
@click.option(
    "--every", default=DEFAULT_EVERY, show_default=True, help="30s, 5m, 1h, or cron in UTC: '0 3 * * *'."
)
@click.option(
    "--budget-usd", metavar="N/day", help="What its evaluators may spend a day (UTC): 5/day. [no limit]"
)
@click.option("--project", metavar="P", help="Only this project. [all but groundtrace's own]")
@_URL
@_JSON
def add(
    name: str,
    evaluators: tuple[str, ...],
    where: str | None,
    cohort: str | None,
    sample: float,
    always: str | None,
    every: str,
    budget_usd: str | None,
    project: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Add job NAME, or replace it. It scores what arrives from now on; `jobs run` scores the rest."""
    change = {
        "name": name,
        "evaluators": list(evaluators),
        "where": where,
        "cohort": cohort,
        "sample": sample,
        "always": always,
        "every": every,
        "budget_usd": budget_usd,
        "project": project,
        "state": "active",
    }
    job = asyncio.run(_change(url, change))
    _say(job, f"job {name}: {', '.join(job['evaluators'])}, every {job['every']}", as_json=as_json)


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prune", is_flag=True, help="Remove the jobs that are not in the file.")
@_URL
@_JSON
def apply(file: Path, url: str | None, *, prune: bool, as_json: bool) -> None:
    """Make the collector's jobs what FILE states: one table [jobs.NAME] each, with the fields of a job.

    Applying it again changes nothing. A paused job stays paused.
    """
    from groundtrace_collector.jobs.file import read_jobs

    specs = [spec.model_dump(mode="json", exclude={"cohorts_of"}) for spec in read_jobs(file)]
    done = asyncio.run(_apply(url, specs, prune=prune))
    _say({"jobs": done}, "\n".join(f"job {name}: {what}" for name, what in done.items()), as_json=as_json)


@command.command("list")
@_URL
@_JSON
def list_jobs(url: str | None, *, as_json: bool) -> None:
    """List the jobs: what each scored, skipped and why, failed, and how far it is behind."""
    jobs = asyncio.run(_jobs(url))
    if as_json:
        click.echo(json.dumps({"jobs": jobs}, ensure_ascii=False, indent=2))
    elif jobs:
        for job in jobs:
            click.echo(paragraph(job))
    else:
        click.echo(
            "there are no jobs; add one: groundtrace jobs add quality --evaluator groundedness", err=True
        )


@command.command()
@click.argument("name")
@click.option(
    "--budget-usd", type=click.FloatRange(min=0, min_open=True), help="What this run may spend. [no limit]"
)
@_URL
@_JSON
@click.pass_context
def run(
    context: click.Context, /, name: str, budget_usd: float | None, url: str | None, *, as_json: bool
) -> None:
    """Score now everything that job NAME has not scored yet, old traces too, and wait for the end.

    The evaluators run in this process; workers help. Running it again adds nothing.
    """
    from groundtrace_collector.jobs.console import outcome, run_here
    from groundtrace_collector.jobs.protocol import RunRequest

    status = run_here(url, RunRequest(job=name, budget_usd=budget_usd))
    _say(status.model_dump(exclude={"run"}), f"job {name}: {outcome(status)}", as_json=as_json)
    context.exit(0 if status.finished and not status.out_of_budget else 1)


def _state(name: str, state: str, help_: str) -> click.Command:
    @click.argument("job_name", metavar="NAME")
    @_URL
    @_JSON
    def change(job_name: str, url: str | None, *, as_json: bool) -> None:
        job = asyncio.run(_change(url, {"name": job_name, "state": state}))
        _say(job, f"job {job_name} is {state}", as_json=as_json)

    return click.command(name, help=help_)(change)


command.add_command(
    _state("pause", "paused", "Pause job NAME; what arrives meanwhile is scored when it goes on.")
)
command.add_command(_state("resume", "active", "Let a paused job NAME go on."))
command.add_command(_state("remove", "removed", "Remove job NAME; its scores stay."))


async def _jobs(url: str | None) -> list[dict[str, Any]]:
    async with JobsClient(url) as client:
        return await client.jobs()


async def _change(url: str | None, change: Json) -> dict[str, Any]:
    async with JobsClient(url) as client:
        return await client.change(change)


async def _apply(url: str | None, specs: Sequence[Json], *, prune: bool) -> dict[str, str]:
    """What became of each job: added, changed, unchanged or removed. The first that is refused ends it."""
    done = {}
    async with JobsClient(url) as client:
        known = {job["name"]: job for job in await client.jobs()}
        for spec in specs:
            old = known.get(spec["name"])
            if old is not None and all(old[field] == value for field, value in spec.items()):
                done[spec["name"]] = "unchanged"
                continue
            await _send(client, spec)
            done[spec["name"]] = "added" if old is None else "changed"
        for name in sorted(known.keys() - done.keys()) if prune else ():
            await client.change({"name": name, "state": "removed"})
            done[name] = "removed"
    return done


async def _send(client: JobsClient, spec: Json) -> None:
    try:
        await client.change(spec)
    except ApiError as exc:
        raise ApiError(exc.status, exc.code, f"jobs.{spec['name']}: {exc.message}") from exc


def _say(data: Json, words: str, *, as_json: bool) -> None:
    click.echo(json.dumps(data, ensure_ascii=False) if as_json else words)


def paragraph(job: Json) -> str:
    """A job in a few lines: what it is, what it did, how far behind it is."""
    counts = job["counts"]
    conditions = [f"where {job['where']}"] if job["where"] else []
    conditions += [f"cohort {job['cohort']}"] if job["cohort"] else []
    conditions += [f"project {job['project']}"] if job["project"] else []
    conditions += [f"sample {job['sample']:g}"] if job["sample"] < 1 else []
    conditions += [f"always {job['always']}"] if job["always"] else []
    lines = [
        f"{job['name']}  {job['state']}, every {job['every']}: {', '.join(job['evaluators'])}",
        *[f"  {condition}" for condition in conditions],
        f"  scored {counts['scored']}",
        *[f"  skipped {count}: {reason}" for reason, count in counts["skipped"].items()],
        *[f"  failed {count}: {status}" for status, count in counts["failed"].items()],
        *([f"  cost ${counts['cost_usd']:.4f}"] if counts["cost_usd"] else []),
        *_budget(job),
        f"  {_lag(job)}",
    ]
    return "\n".join(lines)


def _budget(job: Json) -> list[str]:
    budget = job["budget"]
    if budget is None:
        return []
    lines = [
        f"  budget ${budget['day_usd']:g} a day, ${budget['spent_today_usd']:.4f} spent or reserved today"
    ]
    if budget["waiting_for_budget"]:
        names = ", ".join(budget["waiting_for_budget"])
        lines.append(f"  waits for the next day's budget: {names}, goes on at {budget['goes_on_at']}")
    return lines


def _lag(job: Json) -> str:
    lag = job["lag"]
    if job["fault"]:
        return f"cannot look for traces: {job['fault']}"
    if not lag["due"]:
        return "up to date" + (f", {lag['waiting']} traces not due yet" if lag["waiting"] else "")
    return f"behind by {lag['due']} traces, the oldest due since {lag['oldest_s']:.0f} s"
