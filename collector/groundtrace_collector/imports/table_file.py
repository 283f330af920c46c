"""Rows of a CSV or Parquet file, with the place that an error can name."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtrace_collector.errors import CollectorError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

Row = dict[str, Any]
BATCH_ROWS = 1_000
MAX_CELL_CHARS = 10_000_000
"""A longer cell means that a quotation mark is not closed, so the rest of the file is one cell."""


class TableFileError(CollectorError):
    """A file that cannot be read as a table: what is wrong, and at which row where that is known."""


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row with its number, as ``{column: value}``: the ending says the format, .csv, .tsv or .parquet.

    A number is the line that the row starts on (the header is line 1), in Parquet its place counted from 1.
    CSV holds text only, UTF-8, with a header; an empty cell is None. Read piece by piece, in order.
    Raises TableFileError, and MissingExtraError for Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".parquet"):
        raise TableFileError(
            f"{path}: the name must end in .csv, .tsv or .parquet, got {suffix or 'no ending'!r}"
        )
    try:
        yield from _parquet(path) if suffix == ".parquet" else _csv(path, "\t" if suffix == ".tsv" else ",")
    except OSError as error:
        raise TableFileError(f"{path}: {error.strerror or error}") from error


def _csv(path: Path, delimiter: str) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(MAX_CELL_CHARS)
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = 1
        try:
            for line, cells, columns in _records(file, delimiter):
                if len(cells) != len(columns):
                    raise TableFileError(
                        f"{path}: row {line} has {len(cells)} cells, the header has {len(columns)} columns"
                    )
                yield line, {name: cell or None for name, cell in zip(columns, cells, strict=True)}
        except UnicodeDecodeError as error:
            raise TableFileError(
                f"{path}: not UTF-8 after row {line}: {error.reason}; save it as UTF-8"
            ) from error
        except csv.Error as error:
            raise TableFileError(f"{path}: not CSV after row {line}: {error}") from error


def _records(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str], list[str]]]:
    """Line, cells and the header of each record; blank lines are left out."""
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    columns = [name.strip() for name in next(reader, [])]
    _check_header(columns, file.name)
    while True:
        line = reader.line_num + 1
        cells = next(reader, None)
        if cells is None:
            return
        if cells:
            yield line, cells, columns


def _parquet(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(library="pyarrow", extra="parquet") from error
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _check_header(file.schema_arrow.names, str(path))
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except pa.ArrowException as error:
        where = f" after row {number}" if number else ""
        raise TableFileError(f"{path}: not Parquet{where}: {error}") from error


def _check_header(columns: Sequence[str], path: str) -> None:
    if not columns:
        raise TableFileError(f"{path}: empty; a table starts with a header of column names")
    for name in columns:
        if not name or columns.count(name) > 1:
            what = f"column {name!r} stands twice" if name else "a column has no name"
            raise TableFileError(f"{path}: {what} in the header: {', '.join(columns)}")
