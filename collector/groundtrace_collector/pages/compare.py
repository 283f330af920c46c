"""The comparison page: a base against a candidate, cohort by cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from groundtrace_collector.pages import metrics
from groundtrace_collector.pages.cohorts import MOST_ROWS
from groundtrace_collector.pages.listing import PERIODS, Options, saved_options, with_chosen
from groundtrace_collector.pages.metrics import Change
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.question import Question, dimensions, encoder_rows, error_field, key_text
from groundtrace_collector.pages.text import clean, one_line
from groundtrace_collector.query.absences import of_comparison
from groundtrace_collector.query.compare import CompareQuery, compare
from groundtrace_collector.query.dimensions import dimension
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.metrics import known_metrics
from groundtrace_collector.query.sides import WINDOW
from groundtrace_collector.query.times import iso_time, nanoseconds, parse_time
from groundtrace_collector.store.store import Store

_MOST_CELLS = 450


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """One cohort, or the whole."""

    key: str
    whole: bool
    url: str
    cells: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage(Page):
    """The form and its table."""

    template: ClassVar[str] = "compare.html"
    section: ClassVar[str] = "compare"
    question: Question
    asked: bool
    """Whether base and candidate are named; without them there is only the form."""
    dimensions: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    suggestions: tuple[tuple[str, str], ...] = ()
    saved: Options = ()
    periods: Options = PERIODS
    metrics_help: str
    metrics: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()
    """What no trace has, in words."""
    rows: tuple[ComparedRow, ...] = ()
    has_parts: bool = False
    """Whether a cell says what part of its difference is mix."""
    closed_at: str = ""
    """The end that was asked for, as a time."""
    closed_url: str = ""
    """The same comparison of what there is up to now; empty where the sides are windows, which end by themselves."""
    hidden: int = 0
    error: str = ""
    error_field: str = ""


async def compare_page(
    store: Store, parameters: Mapping[str, str], project: str | None, now: datetime
) -> ComparePage:
    """The page for a query string."""
    question = Question.of(parameters)
    if not (question.base and question.candidate):
        problem = "Name both a base and a candidate." if question.base or question.candidate else ""
        return await _page(store, project, question, error=problem)
    names = question.metric_names()
    try:
        table = await compare(
            store,
            CompareQuery(
                by=question.by,
                base=question.base,
                candidate=question.candidate,
                cohort=question.cohort or None,
                metrics=names,
                filter=question.filter(now, project),
            ),
        )
    except QueryError as error:
        return await _page(
            store, project, question, error=clean(error.message), error_field=error_field(error)
        )
    rows = compared_rows(table["cohorts"], names, question)
    return await _page(
        store,
        project,
        question,
        metrics=tuple(one_line(name, 60) for name in names),
        absences=tuple(one_line(each, 200) for each in of_comparison(table)),
        rows=rows,
        has_parts=any(cell.parts for row in rows for cell in row.cells),
        closed_at=moment_text(question.until, now),
        closed_url=""
        if question.by == WINDOW
        else f"/compare?{question.query(until=iso_time(nanoseconds(now.replace(microsecond=0))))}",
        hidden=len(table["cohorts"]) - len(rows),
    )


def compared_rows(
    cohorts: Sequence[Mapping[str, Any]], names: Sequence[str], question: Question
) -> tuple[ComparedRow, ...]:
    """The API's cohorts as rows, the whole first as it comes."""
    shown = cohorts[: min(MOST_ROWS, _MOST_CELLS // max(len(names), 1))]
    urls = _of_sides(question).traces_urls(question.cohort, [cohort["key"] for cohort in shown])
    return tuple(
        ComparedRow(
            key=key_text(cohort),
            whole=place == 0,  # a family may be called `*`, too
            url=url,
            cells=tuple(metrics.change(name, cohort["metrics"][name]) for name in names),
        )
        for place, (cohort, url) in enumerate(zip(shown, urls, strict=True))
    )


def _of_sides(question: Question) -> Question:
    """The question about the traces of both sides alone, where an expression finds these."""
    sides = [_side(question.by, value) for value in (question.base, question.candidate)]
    if not all(sides):
        return question
    given = f"({question.where}) and " if question.where else ""
    return replace(question, where=f"{given}({' or '.join(sides)})")


def _side(by: str, value: str) -> str:
    if by != WINDOW:
        return dimension(by).where(value)
    start, _, end = (part.strip() for part in value.partition("/"))
    return f"started_at >= '{start}'" + (f" and started_at < '{end}'" if end else "")


def moment_text(until: str, now: datetime) -> str:
    """A time of the form to the second, also of one given as an age; empty for none."""
    return iso_time(parse_time(until, now=now) // 10**9 * 10**9) if until else ""


def suggestions(encoders: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Comparisons worth a look: each of the latest encoders against the one before it."""
    pairs = list(zip(encoders[1:4], encoders[:3], strict=False))
    return tuple(
        (
            f"{one_line(candidate, 60)} against {one_line(base, 60)}",
            f"/compare?{Question(by='encoder', base=base, candidate=candidate).query()}",
        )
        for base, candidate in pairs
    )


async def _page(store: Store, project: str | None, question: Question, **content: Any) -> ComparePage:
    encoders = [str(row["Encoder"]) for row in await encoder_rows(store, project)]
    asked = bool(question.base and question.candidate)
    return ComparePage(
        title="Compare",
        json_url=f"/api/v1/compare?{question.api_query()}" if asked else "",
        question=question,
        asked=asked,
        dimensions=(*await dimensions(store, project), WINDOW),
        values=tuple(encoders[:50]),
        suggestions=suggestions(encoders),
        saved=await saved_options(store, project, question.saved),
        periods=with_chosen(PERIODS, question.since),
        metrics_help=" ".join(known_metrics()),
        **content,
    )
