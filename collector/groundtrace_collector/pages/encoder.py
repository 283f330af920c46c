"""The page of one encoder version: its card, as far as its live traces tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from groundtrace_collector.errors import ApiError
from groundtrace_collector.pages import metrics
from groundtrace_collector.pages.cohorts import CohortRow, cohort_rows
from groundtrace_collector.pages.metrics import Cell
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.question import Question, dimensions, encoder_rows, key_text
from groundtrace_collector.pages.text import clean, one_line
from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.dimensions import dimension
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.replay.card import Weakness, card, live_part
from groundtrace_collector.store.store import Store

METRICS = ("traces", "recall@5", "score:context_relevance", "fail_rate:groundedness", "p95_ms")
_MOST_WEAK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakRow:
    """A cohort in which the encoder is worse than over all its traces."""

    key: str
    url: str
    metric: str
    cell: Cell
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderPage(Page):
    """The card: weak cohorts first, then every cohort of one dimension, the whole above them."""

    template: ClassVar[str] = "encoder.html"
    section: ClassVar[str] = "encoders"
    name: str
    url: str
    traces_url: str
    compare_url: str
    base: str
    by: str
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...] = METRICS
    weak: tuple[WeakRow, ...] = ()
    rows: tuple[CohortRow, ...] = ()
    hidden: int = 0
    error: str = ""


def encoder_url(name: str) -> str:
    """Where the page of an encoder is."""
    return f"/encoders/{quote(name, safe='')}"


async def encoder_page(store: Store, project: str | None, name: str, by: str, now: datetime) -> EncoderPage:
    """The card of ``name`` by a dimension, the commonest metadata key unless told.

    Raises ApiError 404 for an encoder without traces; a dimension that is none is said on the page.
    """
    whole = await _cohorts(store, project, name, "encoder")
    if not whole:
        raise ApiError(404, "not_found", "No trace has this encoder; /encoders lists those that served some.")
    offered = await dimensions(store, project)
    chosen = by or next((each for each in offered if each.startswith("metadata")), "project")
    page = _page(name, chosen, offered, _before(await encoder_rows(store, project), name))
    try:
        cohorts = await _cohorts(store, project, name, chosen)
    except QueryError as error:
        return replace(page, error=clean(error.message))
    return _with_figures(page, whole, cohorts, now)


async def _cohorts(store: Store, project: str | None, name: str, by: str) -> list[Mapping[str, Any]]:
    wanted = TraceFilter(where=_question(name, by).where, project=project)
    table = await cohort_table(store, CohortQuery(by=by, metrics=METRICS, filter=wanted))
    cohorts: list[Mapping[str, Any]] = table["cohorts"]
    return cohorts


def _question(name: str, by: str) -> Question:
    return Question(by=by, metrics=", ".join(METRICS), where=dimension("encoder").where(name))


def _before(encoders: Sequence[Mapping[str, object]], name: str) -> str:
    """The encoder that served traces before this one; empty where none did."""
    names = [str(row["Encoder"]) for row in encoders]
    following = names[names.index(name) + 1 :] if name in names else []
    return next(iter(following), "")


def _page(name: str, by: str, offered: tuple[str, ...], base: str) -> EncoderPage:
    question = _question(name, by)
    compared = Question(by="encoder", base=base, candidate=name, cohort=by)
    return EncoderPage(
        title=f"Encoder {one_line(name, 120)}",
        json_url=f"/api/v1/cohorts?{question.api_query()}",
        name=one_line(name, 120),
        url=encoder_url(name),
        traces_url=Question().traces_url("encoder", name),
        compare_url=f"/compare?{compared.query()}" if base else "",
        base=one_line(base, 120),
        by=by,
        dimensions=offered,
    )


def _with_figures(
    page: EncoderPage, whole: Sequence[Mapping[str, Any]], cohorts: Sequence[Mapping[str, Any]], now: datetime
) -> EncoderPage:
    name = whole[0]["key"]
    question = _question(name, page.by)
    live = live_part({"cohorts": whole}, {"by": page.by, "cohorts": cohorts}, since=None, encoder=name)
    first, *rest = cohort_rows([*whole, *cohorts], METRICS, question)
    by_key = {each["key"] or "": each for each in cohorts}
    return replace(
        page,
        weak=tuple(
            _weak(each, by_key[each.key], question)
            for each in card(name, live, [], now=now).weak[:_MOST_WEAK]
        ),
        rows=(replace(first, key="all", url=page.traces_url), *rest),
        hidden=len(cohorts) - len(rest),
    )


def _weak(found: Weakness, cohort: Mapping[str, Any], question: Question) -> WeakRow:
    value = found.figure.model_dump()
    return WeakRow(
        key=key_text(cohort),
        url=question.traces_url(question.by, found.key),
        metric=found.metric,
        cell=metrics.cell(found.metric, value, metrics.scale([value])),
        reason=found.reason,
    )
