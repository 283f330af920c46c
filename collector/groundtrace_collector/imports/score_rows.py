"""Rows of a table as the scores that the API takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from groundtrace_collector.errors import CollectorError
from groundtrace_collector.query.verdicts import ScoreIn, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from groundtrace_collector.imports.table_file import Row

FIELDS = tuple(ScoreIn.model_fields)
"""What a column may be called: the fields of POST /api/v1/scores."""

_NUMBERS = ("score", "threshold", "cost_usd")
_SAID = ("score", "label", "status")

Item = dict[str, Any]
Key = tuple[str, ...]


class ColumnsError(CollectorError):
    """Columns that do not say what they hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """How columns become fields: named alike unless ``renamed`` (column to field), ``fixed`` for every row."""

    renamed: Mapping[str, str]
    fixed: Mapping[str, str]
    skipped: frozenset[str]

    def fields(self, columns: Iterable[str]) -> dict[str, str]:
        """The field of each column that is imported; raises ColumnsError for one that nobody named."""
        present = list(columns)
        absent = [name for name in (*self.renamed, *sorted(self.skipped)) if name not in present]
        if absent:
            raise ColumnsError(f"no column {absent[0]!r}; the file has {', '.join(present)}")
        fields = {name: self.renamed.get(name, name) for name in present if name not in self.skipped}
        unknown = [name for name, target in fields.items() if target not in FIELDS]
        if unknown:
            raise ColumnsError(
                f"column {unknown[0]!r} is no field of a score ({', '.join(FIELDS)}): "
                f"name its field with --column FIELD={unknown[0]}, or leave it out with --skip {unknown[0]}"
            )
        targets = [*fields.values(), *self.fixed]
        twice = [name for name in targets if targets.count(name) > 1]
        if twice:
            raise ColumnsError(f"{twice[0]} is given twice: by two columns, or by a column and --set")
        self._check_complete(targets)
        return fields

    @staticmethod
    def _check_complete(targets: list[str]) -> None:
        lacking = [name for name in ("trace_id", "name") if name not in targets]
        if lacking or not set(_SAID) & set(targets):
            what = lacking[0] if lacking else "score, label or status"
            raise ColumnsError(
                f"no column for {what}: add one, or name it with --column FIELD=COLUMN or --set"
            )

    def item(self, row: Row, fields: Mapping[str, str]) -> Item:
        """The score of one row as the API takes it; texts of CSV become numbers, and evidence JSON."""
        named = {target: row[name] for name, target in fields.items()} | dict(self.fixed)
        return {target: _value(target, value) for target, value in named.items() if value not in (None, "")}


def check(item: Item) -> Key | str:
    """What the store keeps the score under; or, as text, what is wrong with it."""
    try:
        json.dumps(item)
        found = ScoreIn.model_validate(item)
    except ValidationError as error:
        return reason(error)
    except TypeError as error:
        return f"evidence: not JSON: {error}"
    return (
        found.trace_id,
        found.span_id or "",
        found.name,
        found.source,
        found.evaluator or found.name,
        found.version,
    )


def problems(rows: Iterable[tuple[int, Item]]) -> Iterator[tuple[int, str]]:
    """Row number and complaint of each row that is no score, or the second of one key.

    One row would replace the other in the store, so a file that holds both says two things.
    """
    seen: dict[int, int] = {}  # by hash: 64 bits a row, where the keys themselves would not fit
    for number, item in rows:
        found = check(item)
        if isinstance(found, str):
            yield number, found
            continue
        first = seen.setdefault(hash(found), number)
        if first != number:
            yield number, f"same trace, span, name, source, evaluator and version as row {first}"


def _value(target: str, value: object) -> object:
    if type(value) is int and target not in (*_NUMBERS, "evidence"):
        return str(value)  # Parquet knows a version such as 2 as a number
    if not isinstance(value, str):
        return value
    if target in _NUMBERS:
        return _number(value)
    if target == "evidence":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _number(text: str) -> float | str:
    """The number, or the text itself for the check to complain about."""
    try:
        return float(text)
    except ValueError:
        return text
