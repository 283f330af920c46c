"""Pages that stay where they are while new traces arrive: order and cursor. Pure.

A cursor holds the sort key of the last row shown, so the next page begins behind that row whatever came in
since; rows with equal keys are told apart by trace id and project. Nulls come last either way.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from groundtrace_collector.query.errors import QueryError, suggestion
from groundtrace_collector.query.fields import TRACE_FIELDS, Kind

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 50
NEWEST_FIRST = "-started_at"
_TYPES = {Kind.TEXT: "String", Kind.NUMBER: "Float64", Kind.TIME: "Int64", Kind.BOOLEAN: "UInt8"}
# The rows of a page are sorted by these; an index or a partition is never pruned by them.
_UNSORTABLE = {"query", "answer"}
ORDERS = tuple(name for name in TRACE_FIELDS if name not in _UNSORTABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """By which field, and which way."""

    field: str
    descending: bool

    @property
    def name(self) -> str:
        """As the user writes it: `field` or `-field`."""
        return f"-{self.field}" if self.descending else self.field

    @property
    def missing_sql(self) -> str:
        """1 where a trace has no such value."""
        present = TRACE_FIELDS[self.field].present
        return f"toUInt8(NOT ({present}))" if present else "toUInt8(0)"

    @property
    def value_sql(self) -> str:
        """The value that is sorted by, never null."""
        field = TRACE_FIELDS[self.field]
        convert = {
            Kind.TEXT: "toString",
            Kind.NUMBER: "toFloat64",
            Kind.TIME: "toInt64",
            Kind.BOOLEAN: "toUInt8",
        }
        empty = "''" if field.kind is Kind.TEXT else "0"
        return f"{convert[field.kind]}(ifNull({field.column}, {empty}))"

    @property
    def type(self) -> str:
        """ClickHouse type of the value."""
        return _TYPES[TRACE_FIELDS[self.field].kind]


def order_of(text: str | None) -> Order:
    """The order named `field` or `-field`, newest first when nothing is named; raises QueryError."""
    wanted = text or NEWEST_FIRST
    field = wanted.removeprefix("-")
    if field not in ORDERS:
        known = ", ".join(ORDERS)
        raise QueryError(
            "invalid_order",
            f"cannot order by {wanted!r}{suggestion(field, ORDERS)}; use one of {known}, or -field",
        )
    return Order(field=field, descending=wanted.startswith("-"))


def checked_limit(limit: int | None) -> int:
    """Rows of a page, 50 unless told; raises QueryError outside 1 to 1,000."""
    if limit is None:
        return DEFAULT_LIMIT
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError("invalid_limit", f"limit must be from 1 to {MAX_LIMIT}, got {limit}")
    return limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The sort key of one row."""

    missing: int
    value: str | float | int
    trace_id: str
    project: str

    def text(self, order: Order) -> str:
        """The cursor that continues behind this row."""
        key = [order.name, self.missing, self.value, self.trace_id, self.project]
        return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def position_of(cursor: str, order: Order) -> Position:
    """The position in a cursor that a list gave out; raises QueryError for any other text."""
    try:
        key: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        name, missing, value, trace_id, project = key
        if name == order.name:
            _check_types(order, missing, value, trace_id, project)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise QueryError(
            "invalid_cursor", f"{cursor!r} is not a cursor: pass on the next_cursor of a list as it is"
        ) from None
    if name != order.name:
        raise QueryError("invalid_cursor", f"the cursor belongs to order={name}, not to order={order.name}")
    return Position(missing=missing, value=value, trace_id=trace_id, project=project)


def _check_types(order: Order, missing: object, value: object, trace_id: object, project: object) -> None:
    wanted: tuple[type, ...] = {"String": (str,), "Float64": (int, float)}.get(order.type, (int,))
    known = isinstance(value, wanted) and not isinstance(value, bool) and missing in (0, 1)
    if not (known and isinstance(trace_id, str) and isinstance(project, str)):
        raise ValueError("not of this order")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("out of range")
    f"{value}{trace_id}{project}".encode()  # a ValueError for what is not Unicode


def behind(position: Position | None, order: Order) -> tuple[str, dict[str, object]]:
    """SQL that holds for the rows behind ``position``, and its values."""
    if position is None:
        return "1", {}
    sign = "<" if order.descending else ">"
    value = f"{{cursor_value:{order.type}}}"
    sql = (
        f"(SortMissing > {{cursor_missing:UInt8}} OR (SortMissing = {{cursor_missing:UInt8}} AND "
        f"(SortValue {sign} {value} OR (SortValue = {value} AND "
        f"(TraceId, Project) {sign} ({{cursor_trace:String}}, {{cursor_project:String}})))))"
    )
    return sql, {
        "cursor_missing": position.missing,
        "cursor_value": position.value,
        "cursor_trace": position.trace_id,
        "cursor_project": position.project,
    }
