"""The evaluations page: which jobs there are, what was decided, what was scored last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from groundtrace_collector.jobs.dispatcher import Dispatcher
from groundtrace_collector.jobs.report import job_reports
from groundtrace_collector.pages import formats, scores
from groundtrace_collector.pages.formats import Moment
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.text import one_line
from groundtrace_collector.query.filters import INTERNAL_PROJECT
from groundtrace_collector.query.scores import VerdictQuery, list_scores
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

_RECENT = 30
_JOBS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job, what it decided, and how far behind it is."""

    name: str
    state: str
    evaluators: tuple[str, ...]
    scope: str
    every: str
    scored: str
    skipped: str
    failed: str
    skipped_why: str
    failed_why: str
    cost: str
    due: str
    fault: str
    last_run: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """How often an evaluator came to one outcome."""

    evaluator: str
    version: str
    status: str
    reason: str
    decided: str
    traces: str
    last: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentScore:
    """A score that came in lately."""

    url: str
    trace_id: str
    name: str
    value: str
    failed: bool
    status: str
    origin: str
    explanation: str
    at: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationsPage(Page):
    """Jobs, ledger and scores."""

    template: ClassVar[str] = "evaluations.html"
    section: ClassVar[str] = "evaluations"
    jobs: tuple[JobRow, ...]
    ledger: tuple[LedgerRow, ...]
    recent: tuple[RecentScore, ...]


async def evaluations_page(
    store: Store, dispatcher: Dispatcher, project: str | None, now: datetime
) -> EvaluationsPage:
    """The page as things stand, for a reader who is bound to ``project``."""
    jobs = await job_reports(store, dispatcher, project=project)
    bound = {"internal": INTERNAL_PROJECT, "project": project or ""}
    ledger = await store.query(statement(__package__, "ledger_counts"), bound)
    recent = await list_scores(store, VerdictQuery(limit=_RECENT, project=project))
    return EvaluationsPage(
        title="Evaluations",
        json_url="/api/v1/scores",
        jobs=tuple(job_row(job, now) for job in jobs[:_JOBS]),
        ledger=tuple(ledger_row(row, now) for row in ledger),
        recent=tuple(recent_score(row, now) for row in recent["scores"]),
    )


def job_row(job: Mapping[str, Any], now: datetime) -> JobRow:
    """A job of the API's report as a row."""
    counts, lag = job["counts"], job["lag"]
    scope = [
        f"project {job['project']}" if job["project"] else "",
        job["where"] or "",
        f"cohort {job['cohort']}" if job["cohort"] else "",
        f"{formats.significant(100 * job['sample'])} % of the traces" if job["sample"] < 1 else "",
        f"always {job['always']}" if job["always"] else "",
    ]
    return JobRow(
        name=one_line(job["name"], 80),
        state=job["state"],
        evaluators=tuple(formats.words(one_line(name, 60)) for name in job["evaluators"][:10]),
        scope=one_line(", ".join(filter(None, scope)) or "every trace", 300),
        every=job["every"],
        scored=formats.number(counts["scored"]),
        skipped=formats.number(sum(counts["skipped"].values())),
        failed=formats.number(sum(counts["failed"].values())),
        skipped_why=_reasons(counts["skipped"]),
        failed_why=_reasons(counts["failed"]),
        cost=formats.dollars(counts["cost_usd"]),
        due=_due(lag),
        fault=one_line(job["fault"], 300),
        last_run=formats.moment(job["last_run_at"], now),
    )


def ledger_row(row: Mapping[str, Any], now: datetime) -> LedgerRow:
    """An outcome of the ledger as a row."""
    return LedgerRow(
        evaluator=formats.words(one_line(row["Evaluator"], 60)),
        version=one_line(row["EvaluatorVersion"], 40),
        status=row["Status"],
        reason=one_line(row["Why"], 300),
        decided=formats.number(row["Decided"]),
        traces=formats.number(row["Traces"]),
        last=formats.moment_of_ms(row["LastMs"], now),
    )


def recent_score(row: Mapping[str, Any], now: datetime) -> RecentScore:
    """A score of the API as a row."""
    chip = scores.chip(row["name"], row)
    return RecentScore(
        url=f"/traces/{quote(row['trace_id'], safe='')}",
        trace_id=one_line(row["trace_id"], 32),
        name=chip.name,
        value=chip.value,
        failed=chip.failed,
        status=row["status"],
        origin=scores.origin(row),
        explanation=one_line(row["explanation"], 200),
        at=formats.moment(row["created_at"], now),
    )


def _reasons(counts: Mapping[str, int]) -> str:
    shown: Sequence[tuple[str, int]] = sorted(counts.items(), key=lambda item: -item[1])[:5]
    return "; ".join(f"{formats.number(count)}: {one_line(reason, 120)}" for reason, count in shown)


def _due(lag: Mapping[str, Any] | None) -> str:
    if lag is None:
        return formats.NOTHING
    if not lag["due"]:
        return "up to date"
    return f"{formats.number(lag['due'])} due, oldest {formats.duration(lag['oldest_s'] * 1_000)}"
