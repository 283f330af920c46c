"""What the forms of the cohort and the comparison page ask."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode

from groundtrace_collector.pages.text import Budget, html_bytes, one_line
from groundtrace_collector.query.dimensions import BOOKKEEPING, DERIVED, dimension, of_metadata
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import INTERNAL_PROJECT, TraceFilter
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

_LINK_BYTES = 60_000
DIMENSIONS = (
    *("encoder", "reranker", "llm_model", "prompt_version", "route", "project", "service", "status"),
    *DERIVED,
)
DEFAULT_METRICS = (
    "recall@5",
    "score:context_relevance",
    "fail_rate:groundedness",
    "p99_ms",
    "tokens_per_trace",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The form's fields, as the user sent them or as they stand when nothing was sent."""

    by: str = ""
    base: str = ""
    candidate: str = ""
    cohort: str = ""
    """The dimension by which a comparison is split."""
    saved: str = ""
    """The name of a saved cohort."""
    metrics: str = ""
    where: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str], **defaults: str) -> Self:
        """The question in a query string; fields it does not name have ``defaults``."""
        given = {
            field.name: parameters[field.name].strip() for field in fields(cls) if field.name in parameters
        }
        question = cls(**(defaults | given))
        # A form sends its empty fields too; without these two there is no question.
        return replace(
            question, by=question.by or "encoder", metrics=question.metrics or ", ".join(DEFAULT_METRICS)
        )

    def metric_names(self) -> tuple[str, ...]:
        """The metrics asked for, once each."""
        return tuple(dict.fromkeys(name.strip() for name in self.metrics.split(",") if name.strip()))

    def query(self, **changes: str) -> str:
        """This question as a query string, empty fields left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)} | changes
        return urlencode({name: value for name, value in values.items() if value})

    def api_query(self) -> str:
        """The same question to the API."""
        return self.query(metrics=",".join(self.metric_names()))

    def filter(self, now: datetime, project: str | None) -> TraceFilter:
        """Which traces it is about, for a reader who is bound to ``project``."""
        return TraceFilter(
            where=self.where or None,
            cohort=self.saved or None,
            since=self.since or None,
            until=self.until or None,
            project=project,
            cohorts_of=project,
            now=now,
        )

    def traces_url(self, by: str, key: str) -> str:
        """The trace list of one cohort of a dimension; empty where no expression finds just its traces."""
        found = dimension(by).where(key) if by else ""
        if not found:
            return ""
        where = " and ".join(filter(None, (f"({self.where})" if self.where else "", found)))
        narrowed = {"where": where, "cohort": self.saved, "since": self.since, "until": self.until}
        return "/?" + urlencode({name: value for name, value in narrowed.items() if value})

    def traces_urls(self, by: str, keys: Sequence[str]) -> Iterator[str]:
        """As `traces_url`, of each cohort in turn; empty behind the last that a page has room for.

        Each repeats the whole question, and an expression may have 20,000 characters.
        """
        room = Budget(_LINK_BYTES)
        for key in keys:
            url = self.traces_url(by, key)
            yield url if room.spend(html_bytes(url)) else ""


def error_field(error: QueryError) -> str:
    """The form field that an error belongs beside, empty for the form as a whole."""
    return "where" if error.code == "invalid_where" else ""


def key_text(cohort: Mapping[str, Any]) -> str:
    """A cohort's key as a row's heading; traces without the dimension have a cohort too."""
    keys = cohort.get("keys", [cohort["key"]])
    return one_line(" · ".join(str(key) or "(none)" for key in keys), 120)


async def dimensions(store: Store, project: str | None) -> tuple[str, ...]:
    """What cohorts can be made by: the trace's own fields, and the metadata keys of recent traces."""
    values = _bound(project) | {"bookkeeping": list(BOOKKEEPING)}
    rows = await store.query(statement(__package__, "dimensions"), values)
    return (*filter(None, (of_metadata(row["Key"]) for row in rows)), *DIMENSIONS)


async def encoder_rows(store: Store, project: str | None) -> list[Mapping[str, object]]:
    """``Encoder``, ``Traces``, ``FirstMs``, ``LastMs`` of each encoder version, the latest first."""
    return list(await store.query(statement(__package__, "encoders"), _bound(project)))


def _bound(project: str | None) -> dict[str, object]:
    return {"internal": INTERNAL_PROJECT, "project": project or ""}
