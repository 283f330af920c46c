"""Datasets as files: JSONL, CSV (or TSV) and Parquet, read and written row by row."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from groundtrace_collector.datasets.row import FIELDS, Row, complaint
from groundtrace_collector.errors import CollectorError, MissingExtraError
from groundtrace_collector.imports import table_file
from groundtrace_collector.text_table import write_text_table
from groundtrace_collector.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

ENDINGS: Final = (".jsonl", ".csv", ".tsv", ".parquet")
_METADATA: Final = "metadata."
_MAX_LINE_BYTES: Final = 50_000_000


class DatasetFileError(CollectorError):
    """A file that holds no dataset, or cannot be written as one: where, which field, which value."""


def read_rows(path: Path) -> Iterator[Row]:
    """Each row of a dataset's file, in order, read piece by piece; the ending says the format.

    Fields are columns named as `Row`'s fields. ``positive_ids`` and ``metadata`` are JSON in CSV (one id may
    stand without brackets), lists and structs or JSON in Parquet; a column `metadata.KEY` is one cohort field.
    Raises DatasetFileError at the first row that is wrong, with its number (in CSV and JSONL the line it
    starts on) and what is wrong; TableFileError for a file that is no table; MissingExtraError for Parquet
    without pyarrow.
    """
    for _, row in numbered_rows(path):
        yield row


def numbered_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """As `read_rows`, each row with its number."""
    for number, fields in _fields(path):
        try:
            yield number, Row.model_validate(_nested(fields))
        except ValidationError as error:
            raise DatasetFileError(f"{path}: row {number}: {complaint(error)}") from error
        except ValueError as error:
            raise DatasetFileError(f"{path}: row {number}: {error}") from error


def ending_of(path: Path) -> str:
    """The ending that says the format; raises DatasetFileError for another."""
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        raise DatasetFileError(
            f"{path}: the name must end in {', '.join(ENDINGS)}, got {suffix or 'no ending'!r}"
        )
    return suffix


def _fields(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if ending_of(path) == ".jsonl":
        return _jsonl(path)
    return table_file.read_rows(path)


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE_BYTES), b""), 1):
                if line.strip():
                    yield number, _object(path, number, line)
    except OSError as error:
        raise DatasetFileError(f"{path}: {error.strerror or error}") from error


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        what = getattr(error, "reason", None) or getattr(error, "msg", None) or "nested too deep"
        raise DatasetFileError(f"{path}: row {number}: not JSON in UTF-8: {what}") from error
    if not isinstance(value, dict):
        raise DatasetFileError(f"{path}: row {number}: an object of fields is needed, got {str(value)[:80]}")
    return value


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as fields: texts of lists and maps parsed, `metadata.KEY` gathered, empty cells left out."""
    row = {
        name: value for name, value in fields.items() if value is not None and not name.startswith(_METADATA)
    }
    if isinstance(row.get("positive_ids"), str):
        row["positive_ids"] = _ids(row["positive_ids"])
    if isinstance(row.get("metadata"), (str, list)):
        row["metadata"] = _map(row["metadata"])
    apart = {
        name.removeprefix(_METADATA): each for name, each in fields.items() if name.startswith(_METADATA)
    }
    if apart and isinstance(row.setdefault("metadata", {}), dict):
        row["metadata"] = {**row["metadata"], **apart}
    return row


def _ids(text: str) -> object:
    if not text.startswith("["):
        return [text]
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"positive_ids: neither a JSON list nor one id, got {text[:80]!r}") from None


def _map(value: str | list[Any]) -> object:
    """Of a JSON text; or of the pairs that Parquet has for a map."""
    try:
        return json.loads(value) if isinstance(value, str) else dict(value)
    except (ValueError, TypeError):
        raise ValueError(f"metadata: not a JSON object, got {str(value)[:80]!r}") from None


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows to a file, which `read_rows` reads back as they are, and return how many they are.

    The ending says the format; the file appears whole or not at all, in place of one of that name.
    Raises DatasetFileError for another ending or where nothing can be written, MissingExtraError for Parquet
    without pyarrow.
    """
    write = {".jsonl": _write_jsonl, ".parquet": _write_parquet}.get(ending_of(path), _write_text)
    try:
        with whole_file(path) as part:
            return write(part, rows)
    except OSError as error:
        raise DatasetFileError(f"{path}: {error.strerror or error}") from error


def _write_jsonl(path: Path, rows: Iterable[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_text(path: Path, rows: Iterable[Row]) -> int:
    return write_text_table(path, FIELDS, (row.as_json() for row in rows))


def _write_parquet(path: Path, rows: Iterable[Row]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(library="pyarrow", extra="parquet") from error
    kinds = {
        "positive_ids": pa.list_(pa.string()),
        "metadata": pa.map_(pa.string(), pa.string()),
        "created_at": pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in FIELDS])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for batch in _batches(rows):
            values = [{**row.model_dump(), "metadata": list(row.metadata.items())} for row in batch]
            file.write_batch(pa.RecordBatch.from_pylist(values, schema=schema))
            count += len(batch)
    return count


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, table_file.BATCH_ROWS)):
        yield batch
