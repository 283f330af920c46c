"""The SQL page: one question of the reader's own, and its rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from groundtrace_collector.errors import ApiError
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.text import Budget, Text, clean, one_line
from groundtrace_collector.query.safe_sql import TABLES
from groundtrace_collector.query.user_sql import run_user_sql
from groundtrace_collector.store.store import Store

MOST_ROWS = 200
_CELL_BYTES = 400
_CELL_MARKUP_BYTES = 40

EXAMPLES = {
    "Traces and slowest percent by encoder": (
        "SELECT Encoder, count() AS traces, quantile(0.99)(DurationNs) / 1e6 AS p99_ms\n"
        "FROM traces GROUP BY Encoder ORDER BY traces DESC"
    ),
    "Most retrieved documents": (
        "SELECT arrayJoin(RetrievedIds) AS document, count() AS times\n"
        "FROM traces GROUP BY document ORDER BY times DESC LIMIT 20"
    ),
    "Why traces have no score": (
        "SELECT Evaluator, Status, Reason, count() AS traces\n"
        "FROM ledger WHERE Status != 'ok' GROUP BY ALL ORDER BY traces DESC"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question to start from."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlPage(Page):
    """The form and, once something was asked, its answer."""

    template: ClassVar[str] = "sql.html"
    section: ClassVar[str] = "sql"
    sql: str
    tables: tuple[str, ...] = tuple(TABLES)
    examples: tuple[Example, ...]
    error: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Text, ...], ...] = ()
    asked: bool = False
    hidden: int = 0


async def sql_page(store: Store, parameters: Mapping[str, str], project: str | None) -> SqlPage:
    """The page for a query string; what is refused stands beside the form."""
    asked = parameters.get("sql", "").strip()
    if not asked:
        return _page(next(iter(EXAMPLES.values())))
    try:
        answer = await run_user_sql(store, asked, project=project)
    except ApiError as error:
        return _page(asked, error=clean(error.message))
    rows = shown_rows(answer["columns"], answer["rows"])
    return _page(
        asked,
        columns=tuple(one_line(name, 80) for name in answer["columns"]),
        rows=rows,
        asked=True,
        hidden=len(answer["rows"]) - len(rows),
    )


def shown_rows(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[Text, ...], ...]:
    """As many rows as the page can carry, long values cut."""
    budget = Budget()
    shown = []
    for row in rows[:MOST_ROWS]:
        if not budget.spend(_CELL_MARKUP_BYTES * len(columns) + _CELL_BYTES):
            break
        shown.append(tuple(budget.text(_value(row[name]), _CELL_BYTES) for name in columns))
    return tuple(shown)


def _value(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _page(sql: str, **content: Any) -> SqlPage:
    examples = tuple(
        Example(name=name, url=f"/sql?{urlencode({'sql': text})}") for name, text in EXAMPLES.items()
    )
    return SqlPage(title="SQL", sql=clean(sql), examples=examples, **content)
