"""Datasets between files and a collector, checked whole before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from groundtrace_collector.datasets.files import DatasetFileError, ending_of, numbered_rows, write_rows
from groundtrace_collector.datasets.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from groundtrace import Client


def import_dataset(
    client: Client, name: str, path: Path, *, append: bool = False, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Make the file the next version of a dataset: `{"name", "version", "rows"}`; all of it or nothing.

    The file is read twice: to check every row, then to send them. ``progress`` is told the rows sent.
    Raises as `read_rows`, DatasetFileError also for two rows of one id with different contents and for a file
    without rows; ApiError and ExportError of the collector, and then there is no new version.
    """
    check(path)
    rows = (row.as_json() for _, row in numbered_rows(path))
    return client.add_dataset(name, _told(rows, progress), append=append, source=f"imported from {path.name}")


def check(path: Path) -> None:
    """Read a dataset's file to its end; raises at the first row that is wrong."""
    seen: dict[int, tuple[int, int]] = {}  # hashes: 16 bytes a row, where the rows themselves would not fit
    for number, row in numbered_rows(path):
        first, digest = seen.setdefault(hash(row.id), (number, hash(row.digest)))
        if digest != hash(row.digest):
            raise DatasetFileError(
                f"{path}: row {number}: id: the same as row {first}'s, with other contents, got {row.id!r}"
            )
    if not seen:
        raise DatasetFileError(f"{path}: no rows")


def export_dataset(
    client: Client, name: str, path: Path, *, version: int | None = None, progress: Callable[[int], None]
) -> int:
    """Write a version of a dataset, the newest unless told, to a file; returns its rows.

    Raises as `write_rows`, and ApiError when there is no such dataset or version.
    """
    ending_of(path)
    rows = _told(client.iter_dataset_rows(name, version=version), progress)
    return write_rows(path, map(Row.model_validate, rows))


def _told(rows: Iterable[Mapping[str, Any]], progress: Callable[[int], None]) -> Iterator[Mapping[str, Any]]:
    for count, row in enumerate(rows, 1):
        yield row
        progress(count)
