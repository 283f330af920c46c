"""The cohort page: one metric table, one row a cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from groundtrace_collector.pages import metrics
from groundtrace_collector.pages.listing import PERIODS, Options, saved_options, with_chosen
from groundtrace_collector.pages.metrics import Cell
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.question import Question, dimensions, error_field, key_text
from groundtrace_collector.pages.text import clean, one_line
from groundtrace_collector.query.absences import of_cohorts
from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.metrics import known_metrics
from groundtrace_collector.store.store import Store

MOST_ROWS = 150
_MOST_CELLS = 450
"""Each takes some 450 bytes of HTML, and a page has 300 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRow:
    """One cohort."""

    key: str
    url: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortsPage(Page):
    """The form and its table."""

    template: ClassVar[str] = "cohorts.html"
    section: ClassVar[str] = "cohorts"
    question: Question
    dimensions: tuple[str, ...] = ()
    saved: Options = ()
    periods: Options = PERIODS
    metrics_help: str
    metrics: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()
    """What no trace has, in words."""
    rows: tuple[CohortRow, ...] = ()
    hidden: int = 0
    error: str = ""
    error_field: str = ""


async def cohorts_page(
    store: Store, parameters: Mapping[str, str], project: str | None, now: datetime
) -> CohortsPage:
    """The page for a query string: by encoder over a week unless it says otherwise."""
    question = Question.of(parameters, since="7d", metrics="traces, " + Question.of({}).metrics)
    # As in the API and on the trace list: here `cohort` names a saved one.
    question = replace(question, saved=question.cohort, cohort="")
    try:
        table = await cohort_table(
            store,
            CohortQuery(
                by=question.by, metrics=question.metric_names(), filter=question.filter(now, project)
            ),
        )
    except QueryError as error:
        return await _page(
            store, project, question, error=clean(error.message), error_field=error_field(error)
        )
    names = tuple(question.metric_names())
    rows = cohort_rows(table["cohorts"], names, question)
    return await _page(
        store,
        project,
        question,
        metrics=tuple(one_line(name, 60) for name in names),
        absences=tuple(one_line(each, 200) for each in of_cohorts(table)),
        rows=rows,
        hidden=len(table["cohorts"]) - len(rows),
    )


def cohort_rows(
    cohorts: Sequence[Mapping[str, Any]], names: Sequence[str], question: Question
) -> tuple[CohortRow, ...]:
    """The API's cohorts as rows, each column on a scale of its own."""
    shown = cohorts[: min(MOST_ROWS, _MOST_CELLS // max(len(names), 1))]
    scales = {name: metrics.scale(cohort["metrics"][name] for cohort in shown) for name in names}
    urls = question.traces_urls(question.by, [cohort["key"] for cohort in shown])
    return tuple(
        CohortRow(
            key=key_text(cohort),
            url=url,
            cells=tuple(metrics.cell(name, cohort["metrics"][name], scales[name]) for name in names),
        )
        for cohort, url in zip(shown, urls, strict=True)
    )


async def _page(store: Store, project: str | None, question: Question, **content: Any) -> CohortsPage:
    return CohortsPage(
        title="Cohorts",
        json_url=f"/api/v1/cohorts?{replace(question, saved='', cohort=question.saved).api_query()}",
        question=question,
        dimensions=await dimensions(store, project),
        saved=await saved_options(store, project, question.saved),
        periods=with_chosen(PERIODS, question.since),
        metrics_help=" ".join(known_metrics()),
        **content,
    )
