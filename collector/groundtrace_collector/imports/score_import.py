"""A file of scores, checked whole, then sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from groundtrace_collector.errors import CollectorError
from groundtrace_collector.imports.score_rows import ColumnsError, problems
from groundtrace_collector.imports.table_file import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from groundtrace import Client
    from groundtrace_collector.imports.score_rows import Columns, Item

MAX_ROWS = 1_000
MAX_BYTES = 1_000_000
"""One request holds no more than this, save a single row that is larger."""

Numbered = tuple[int, "Item"]


@dataclass(slots=True)
class Imported:
    """What became of a file's rows."""

    rows: int = 0
    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    """`{"row", "message"}` of each row that is no score."""


def import_scores(
    client: Client, path: Path, columns: Columns, *, progress: Callable[[int, int], None]
) -> Imported:
    """Send every row of the file, or none when one of them is wrong.

    The file is read twice: to check every row, then to send them. A score replaces the one of the same trace,
    span, name, source, evaluator and version, so the same file may be sent again, also after a failure half
    way. ``progress`` is told rows sent and rows in all.
    Raises TableFileError, MissingExtraError, ColumnsError, and CollectorError when the collector fails between
    two requests, with how far it came.
    """
    done = Imported()
    for number, complaint in problems(_counted(_items(path, columns), done)):
        done.rejected.append({"row": number, "message": complaint})
    if done.rejected:
        return done
    for batch in batches(_items(path, columns)):
        _send(client, batch, done)
        progress(done.accepted + len(done.rejected), done.rows)
    return done


def batches(items: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """The rows in requests of at most `MAX_ROWS` rows and about `MAX_BYTES`."""
    batch: list[Numbered] = []
    size = 0
    for number, item in items:
        item_bytes = len(json.dumps(item))
        if batch and (len(batch) >= MAX_ROWS or size + item_bytes > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, item))
        size += item_bytes
    if batch:
        yield batch


def _items(path: Path, columns: Columns) -> Iterator[Numbered]:
    fields: dict[str, str] | None = None
    for number, row in read_rows(path):
        if fields is None:
            try:
                fields = columns.fields(row)
            except ColumnsError as error:
                raise ColumnsError(f"{path}: {error}") from error
        yield number, columns.item(row, fields)


def _counted(items: Iterable[Numbered], done: Imported) -> Iterator[Numbered]:
    for each in items:
        done.rows += 1
        yield each


def _send(client: Client, batch: list[Numbered], done: Imported) -> None:
    from groundtrace.errors import ApiError, ExportError

    try:
        answer = client.post("/api/v1/scores", {"scores": [item for _, item in batch]})
    except (ApiError, ExportError) as error:
        raise CollectorError(
            f"stopped before row {batch[0][0]}, {done.accepted:,} of {done.rows:,} rows stored: {error}. "
            "Run the command again: what is stored is only replaced by itself"
        ) from error
    done.accepted += answer["accepted"]
    done.rejected += [
        {"row": batch[each["index"]][0], "message": each["message"]} for each in answer["rejected"]
    ]
