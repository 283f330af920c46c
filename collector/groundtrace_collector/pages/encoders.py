"""The encoders page: which encoder versions served traces, when, and how well they retrieved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from groundtrace_collector.pages import formats, metrics
from groundtrace_collector.pages.encoder import encoder_url
from groundtrace_collector.pages.formats import Moment
from groundtrace_collector.pages.metrics import Cell
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.question import Question, encoder_rows
from groundtrace_collector.pages.text import one_line
from groundtrace_collector.query.cohorts import CohortQuery, cohort_table
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.store.store import Store

METRICS = ("recall@5", "score:context_relevance", "fail_rate:groundedness")
_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderRow:
    """One encoder version."""

    name: str
    url: str
    traces: str
    traces_url: str
    first: Moment | None
    last: Moment | None
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodersPage(Page):
    """The encoders, the latest first."""

    template: ClassVar[str] = "encoders.html"
    section: ClassVar[str] = "encoders"
    metrics: tuple[str, ...]
    rows: tuple[EncoderRow, ...]
    compare_url: str


async def encoders_page(store: Store, project: str | None, now: datetime) -> EncodersPage:
    """The page over all that is stored, in ``project`` where the reader is bound to one."""
    encoders = await encoder_rows(store, project)
    bound = TraceFilter(project=project)
    table = await cohort_table(store, CohortQuery(by="encoder", metrics=METRICS, limit=_ROWS, filter=bound))
    latest = [str(row["Encoder"]) for row in encoders[:2]]
    return EncodersPage(
        title="Encoders",
        json_url=f"/api/v1/cohorts?{Question(by='encoder', metrics=', '.join(METRICS)).api_query()}",
        metrics=METRICS,
        rows=encoder_rows_of(encoders, table["cohorts"], now),
        compare_url=""
        if len(latest) < len(("base", "candidate"))
        else f"/compare?{Question(by='encoder', base=latest[1], candidate=latest[0]).query()}",
    )


def encoder_rows_of(
    encoders: Sequence[Mapping[str, Any]], cohorts: Sequence[Mapping[str, Any]], now: datetime
) -> tuple[EncoderRow, ...]:
    """The store's encoders with the metrics that the API's cohorts have for them."""
    known = {cohort["key"]: cohort["metrics"] for cohort in cohorts}
    scales = {name: metrics.scale(values[name] for values in known.values()) for name in METRICS}
    return tuple(
        EncoderRow(
            name=one_line(row["Encoder"], 120),
            url=encoder_url(row["Encoder"]),
            traces=formats.number(row["Traces"]),
            traces_url=Question().traces_url("encoder", row["Encoder"]),
            first=formats.moment_of_ms(row["FirstMs"], now),
            last=formats.moment_of_ms(row["LastMs"], now),
            cells=tuple(
                metrics.cell(name, known[row["Encoder"]][name], scales[name])
                if row["Encoder"] in known
                else None
                for name in METRICS
            ),
        )
        for row in encoders[:_ROWS]
    )
