"""The pages of datasets: which there are, and one with its versions and rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from groundtrace_collector.datasets.shelf import Shelf
from groundtrace_collector.pages import formats
from groundtrace_collector.pages.formats import Moment
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.text import Budget, Text, one_line

_ROWS = 50
_ROW_BYTES = 1_500
_TEXT_BYTES = 1_000
_LINE_BYTES = 1_000
_VERSIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetLine:
    """A dataset in the list."""

    name: str
    url: str
    version: int
    rows: str
    source: str
    made: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetsPage(Page):
    """Every dataset."""

    template: ClassVar[str] = "datasets.html"
    section: ClassVar[str] = "datasets"
    datasets: tuple[DatasetLine, ...]
    hidden: int
    """Datasets that the page leaves to the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """A version of the dataset shown."""

    version: int
    url: str
    shown: bool
    rows: str
    source: str
    made: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLine:
    """A row of the version shown; texts are cut to what the page has room for."""

    row_id: str
    query: Text
    positive: Text
    negative: Text
    expected: Text
    ids: str
    cohorts: tuple[str, ...]
    encoder: str
    source: str
    trace_id: str
    trace_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPage(Page):
    """One version of a dataset."""

    template: ClassVar[str] = "dataset.html"
    section: ClassVar[str] = "datasets"
    name: str
    version: int
    versions: tuple[VersionLine, ...]
    versions_url: str
    hidden_versions: int
    """Older versions that the page leaves to the JSON."""
    rows: tuple[RowLine, ...]
    left_out: bool
    next_url: str


async def datasets_page(shelf: Shelf, project: str, now: datetime) -> DatasetsPage:
    """The list, of ``project`` where the reader is bound to one."""
    listed = await shelf.listed(project)
    budget = Budget()
    lines = tuple(
        DatasetLine(
            name=each["name"],
            url=_url(each["name"]),
            version=each["version"],
            rows=formats.number(each["rows"]),
            source=one_line(each["source"] or "", 120),
            made=formats.moment(each["created_at"], now),
        )
        for each in listed
        if budget.spend(_LINE_BYTES)
    )
    return DatasetsPage(
        title="Datasets", json_url="/api/v1/datasets", datasets=lines, hidden=len(listed) - len(lines)
    )


async def dataset_page(
    shelf: Shelf, project: str, name: str, now: datetime, *, version: int | None, cursor: str | None
) -> DatasetPage:
    """One version with a page of its rows; raises ApiError where there is none, QueryError for a wrong cursor."""
    page = await shelf.rows(project, name, version=version, limit=_ROWS, cursor=cursor)
    versions = await shelf.versions(project, name)
    shown = page["version"]
    budget = Budget()
    budget.spend(_LINE_BYTES * min(len(versions), _VERSIONS))
    rows = [_row(each, budget) for each in page["rows"] if budget.spend(_ROW_BYTES)]
    asked = urlencode({"version": shown, **({"cursor": cursor} if cursor else {})})
    following = {"version": shown, "cursor": page["next_cursor"]}
    return DatasetPage(
        title=f"Dataset {name}",
        json_url=f"/api/v1/datasets/{quote(name, safe='')}/rows?{asked}",
        name=name,
        version=shown,
        versions=tuple(_version(name, each, shown, now) for each in versions[:_VERSIONS]),
        versions_url=f"/api/v1/datasets/{quote(name, safe='')}/versions",
        hidden_versions=len(versions[_VERSIONS:]),
        rows=tuple(rows),
        left_out=len(rows) < len(page["rows"]),
        next_url=f"{_url(name)}?{urlencode(following)}" if page["next_cursor"] else "",
    )


def _version(name: str, each: Mapping[str, Any], shown: int, now: datetime) -> VersionLine:
    return VersionLine(
        version=each["version"],
        url=f"{_url(name)}?version={each['version']}",
        shown=each["version"] == shown,
        rows=formats.number(each["rows"]),
        source=one_line(each["source"] or "", 120),
        made=formats.moment(each["created_at"], now),
    )


def _row(row: Mapping[str, Any], budget: Budget) -> RowLine:
    trace_id = row["trace_id"] or ""
    return RowLine(
        row_id=one_line(row["id"], 60),
        query=budget.folded(row["query"], _TEXT_BYTES),
        positive=budget.folded(row["positive_chunk"], _TEXT_BYTES),
        negative=budget.folded(row["hard_negative_chunk"], _TEXT_BYTES),
        expected=budget.folded(row["expected_answer"], _TEXT_BYTES),
        ids=one_line(", ".join(row["positive_ids"]), 120),
        cohorts=tuple(one_line(f"{key} = {value}", 80) for key, value in list(row["metadata"].items())[:8]),
        encoder=one_line(row["embedding_model_version"] or "", 80),
        source=one_line(row["source"] or "", 120),
        trace_id=one_line(trace_id, 32),
        trace_url=f"/traces/{quote(trace_id, safe='')}" if trace_id else "",
    )


def _url(name: str) -> str:
    return f"/datasets/{quote(name, safe='')}"
