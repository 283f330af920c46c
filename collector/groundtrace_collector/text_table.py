"""Tables as text: CSV, or TSV."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


def write_text_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> int:
    """Write a header and a line a row, in UTF-8; returns how many rows there were.

    Cells are set apart by tabs where the name has the ending .tsv (or .tsv.part), else by commas.

    What a row has not, null, and an empty list or map are an empty cell; other lists, maps, numbers and truth
    values are JSON.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        # Lines end as the module has them by default: a lone carriage return in a cell is quoted only then.
        writer = csv.writer(file, delimiter="\t" if ".tsv" in path.suffixes[-2:] else ",")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(_cell(row.get(name)) for name in columns)
            count += 1
    return count


def _cell(value: object) -> str:
    if value in (None, [], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
