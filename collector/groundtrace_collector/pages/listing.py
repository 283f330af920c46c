"""The trace list."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from groundtrace_collector.pages import formats, scores
from groundtrace_collector.pages.formats import Moment
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.scores import Chip
from groundtrace_collector.pages.text import clean, one_line
from groundtrace_collector.query.dimensions import dimension
from groundtrace_collector.query.errors import QueryError, WhereError
from groundtrace_collector.query.filters import INTERNAL_PROJECT, TraceFilter
from groundtrace_collector.query.origins import SOURCES, version_order
from groundtrace_collector.query.saved import list_saved
from groundtrace_collector.query.traces import TracePage, TraceQuery, count_traces, list_traces
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

ROWS = 50
_CHIPS = 6
ORDERS = (
    ("-started_at", "newest first"),
    ("started_at", "oldest first"),
    ("-duration_ms", "slowest first"),
    ("-tokens_prompt", "most prompt tokens"),
    ("-cost_usd", "most expensive"),
)
PERIODS = (
    ("", "any time"),
    ("15m", "last 15 minutes"),
    ("1h", "last hour"),
    ("24h", "last 24 hours"),
    ("7d", "last 7 days"),
    ("30d", "last 30 days"),
)
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the form holds, exactly as the user sent it."""

    where: str = ""
    since: str = ""
    until: str = ""
    cohort: str = ""
    """The name of a saved cohort."""
    project: str = ""
    order: str = ""
    cursor: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Filters":
        """The filters in a query string; anything else in it is ignored."""
        return cls(**{name: parameters.get(name, "").strip() for name in cls.__slots__})

    def query(self, **changes: str) -> str:
        """These filters as a query string, with changes, empty ones left out."""
        values = {name: getattr(self, name) for name in self.__slots__} | changes
        return urlencode({name: value for name, value in values.items() if value})

    def api_query(self) -> str:
        """The same question to the API, which takes a project as a part of the where-expression."""
        of_project = dimension("project").where(self.project)
        parts = [f"({self.where})" if self.where and self.project else self.where, of_project]
        where = " and ".join(filter(None, parts if self.project else parts[:1]))
        return self.query(where=where, project="")

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out by them."""
        return bool(self.where or self.cohort or self.since or self.until or self.project)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """One trace of the list."""

    url: str
    started: Moment | None
    name: str
    project: str
    service: str
    query: str
    answer: str
    models: tuple[tuple[str, str], ...]
    """Role and name of encoder, reranker and LLM where known."""
    duration: str
    tokens: str
    cost: str
    status: str
    incomplete: bool
    chips: tuple[Chip, ...]
    hidden_chips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceListPage(Page):
    """The list with its form."""

    template: ClassVar[str] = "traces.html"
    section: ClassVar[str] = "traces"
    filters: Filters
    narrowed: bool
    """Whether the reader's own filters leave anything out; the project of a bound key is none of them."""
    error: str = ""
    """What is wrong with the filters; then there are no rows."""
    error_field: str = ""
    projects: tuple[str, ...] = ()
    saved: Options = ()
    periods: Options = PERIODS
    orders: Options = ORDERS
    rows: tuple[TraceRow, ...] = ()
    count: str = ""
    """Traces and spans that match, in words."""
    first_url: str = ""
    next_url: str = ""
    endpoint: str = ""
    """Where an app sends its traces; shown while there are none."""


async def trace_list(
    store: Store, parameters: Mapping[str, str], project: str | None, *, endpoint: str, now: datetime
) -> TraceListPage:
    """The page for a query string; what is wrong with it stands on the page, beside the form.

    ``project`` is the one that the reader is bound to, ``endpoint`` the address of this server, to be shown
    to who has no traces yet.
    """
    filters = Filters.of(parameters)
    if project is not None:
        filters = replace(filters, project=project)
    try:
        found, counted = await _found(store, filters, project, now)
    except QueryError as error:
        return await _page(
            store,
            filters,
            project,
            endpoint=endpoint,
            error=clean(error.message),
            error_field=_field_of(error),
        )
    return await _page(
        store,
        filters,
        project,
        endpoint=endpoint,
        rows=tuple(trace_row(trace, now) for trace in found["traces"]),
        count=f"{formats.counted(counted['traces'], 'trace')} · {formats.counted(counted['spans'], 'span')}",
        next_url=f"/?{filters.query(cursor=found['next_cursor'])}" if found["next_cursor"] else "",
        first_url=f"/?{filters.query(cursor='')}" if filters.cursor else "",
    )


async def _found(
    store: Store, filters: Filters, project: str | None, now: datetime
) -> tuple[TracePage, dict[str, int]]:
    wanted = TraceFilter(
        where=filters.where or None,
        cohort=filters.cohort or None,
        since=filters.since or None,
        until=filters.until or None,
        project=filters.project or None,
        cohorts_of=project,
        now=now,
    )
    query = TraceQuery(filter=wanted, limit=ROWS, cursor=filters.cursor or None, order=filters.order or None)
    return await list_traces(store, query), await count_traces(store, query)


async def _page(store: Store, filters: Filters, project: str | None, **content: Any) -> TraceListPage:
    bound = {"internal": INTERNAL_PROJECT, "project": project or ""}
    rows = await store.query(statement(__package__, "projects"), bound)
    return TraceListPage(
        title="Traces",
        json_url=f"/api/v1/traces?{filters.api_query()}",
        filters=filters,
        narrowed=(filters if project is None else replace(filters, project="")).narrowed,
        projects=tuple(row["Project"] for row in rows),
        saved=await saved_options(store, project, filters.cohort),
        periods=with_chosen(PERIODS, filters.since),
        orders=with_chosen(ORDERS, filters.order),
        **content,
    )


def _field_of(error: QueryError) -> str:
    return "where" if isinstance(error, WhereError) or error.code == "invalid_where" else ""


def trace_row(trace: Mapping[str, Any], now: datetime) -> TraceRow:
    """A listed trace of the API as a row."""
    chips = [scores.chip(name, score) for name, score in _verdicts(trace["scores"])]
    models = (
        ("Encoder", trace["encoder"]),
        ("Reranker", trace["reranker"]),
        ("LLM", trace["llm_model"]),
    )
    tokens = [trace[key] for key in ("tokens_prompt", "tokens_completion") if trace[key] is not None]
    return TraceRow(
        url=f"/traces/{quote(trace['trace_id'], safe='')}",
        started=formats.moment(trace["started_at"], now),
        name=one_line(trace["name"], 80),
        project=one_line(trace["project"], 60),
        service=one_line(trace["service"], 60),
        query=one_line(trace["query"], 220),
        answer=one_line(trace["answer"], 220),
        models=tuple((role, one_line(name, 60)) for role, name in models if name),
        duration=formats.duration(trace["duration_ms"]),
        tokens=formats.number(sum(tokens)) if tokens else "",
        cost="" if trace["cost_usd"] is None else formats.dollars(trace["cost_usd"]),
        status=trace["status"],
        incomplete=trace["incomplete"],
        chips=tuple(chips[:_CHIPS]),
        hidden_chips=len(chips[_CHIPS:]),
    )


async def saved_options(store: Store, project: str | None, chosen: str) -> Options:
    """The saved cohorts of a reader's project to choose from; none where nothing is saved or chosen."""
    names = [str(row["name"]) for row in await list_saved(store, project=project)]
    options = with_chosen(tuple((name, one_line(name, 60)) for name in names), chosen)
    return (("", "all traces"), *options) if options else ()


def with_chosen(options: Options, chosen: str) -> Options:
    """The options, and the chosen value too where a link or a user brought another."""
    known = not chosen or any(value == chosen for value, _ in options)
    return options if known else (*options, (chosen, one_line(chosen, 40)))


def _verdicts(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """One score a name, as `score.NAME` takes it: of the trace itself, human over evaluator over api.

    ``rows`` have the newest first, which counts of those of one source and version; where only spans are scored,
    the mean of what counts for each stands for the trace.
    """
    counting: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in sorted(rows, key=_standing, reverse=True):
        if row["status"] == "ok":
            counting.setdefault((row["name"], row["span_id"] or ""), row)
    own = {name: row for (name, span_id), row in counting.items() if not span_id}
    of_spans: dict[str, list[float]] = defaultdict(list)
    for (name, span_id), row in counting.items():
        if span_id and row["score"] is not None:
            of_spans[name].append(row["score"])
    means = {name: {"score": fmean(values), "label": None} for name, values in of_spans.items()}
    return sorted((means | own).items())


def _standing(row: Mapping[str, Any]) -> tuple[int, tuple[list[str], str]]:
    """What `score.NAME` ranks a score by before its age, the most the highest."""
    rank = SOURCES.index(row["source"]) if row["source"] in SOURCES else -1
    return rank, version_order(row["version"])
