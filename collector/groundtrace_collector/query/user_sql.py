"""Runs a user's own SELECT, and gives its rows as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from groundtrace_collector.errors import ApiError, StoreDownError, StoreError
from groundtrace_collector.query.safe_sql import make_safe
from groundtrace_collector.store.store import LARGEST_ANSWER_ROWS, Store

# What the engine says when a question costs more than it may.
_TOO_COSTLY = {
    159: "the question takes too long; narrow it, for instance by StartedAt",
    241: "the question needs too much memory; narrow it or aggregate less at once",
}


async def run_user_sql(store: Store, text: str, *, project: str | None) -> dict[str, Any]:
    """The answer to one SELECT: ``{"columns": [name, …], "rows": [{name: value, …}, …]}``.

    Of columns that share a name the last stands. Times are ISO 8601 UTC, maps objects; NaN and infinities are
    null. Raises ApiError 400 "bad_sql" for what is refused, cannot be run or costs too much, and StoreDownError
    when the store does not answer.
    """
    safe = make_safe(text, project=project)

    try:
        columns, rows = await store.user_sql.run(
            lambda driver: driver.query_columns(safe.statement, safe.parameters)
        )
    except StoreError as error:
        if error.engine_code in _TOO_COSTLY:
            raise ApiError(400, "bad_sql", _TOO_COSTLY[error.engine_code]) from error
        if isinstance(error, StoreDownError):
            raise
        raise ApiError(400, "bad_sql", str(error)) from error
    if len(rows) > LARGEST_ANSWER_ROWS:
        raise ApiError(400, "bad_sql", f"the answer has more than {LARGEST_ANSWER_ROWS} rows; add a LIMIT")
    return {
        "columns": list(columns),
        "rows": [{name: _json(value) for name, value in zip(columns, row, strict=True)} for row in rows],
    }


def _json(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return str(value)
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): _json(member) for key, member in value.items()}
        case list() | tuple():
            return [_json(member) for member in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)
