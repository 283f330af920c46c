"""Tables on stdout: drawn on a terminal, separated by tabs in a pipe."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_CELL = 200
_NOTHING = 1e-12


def show(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table; in a pipe a header and one line a row, cells separated by tabs and never cut."""
    texts = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (columns, *texts):
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left", header_style="bold", pad_edge=False, box=None)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for line in texts:
        drawn.add_row(*(Text(cell[:MAX_CELL]) for cell in line))
    Console().print(drawn)


def clean(cell: object) -> str:
    """A cell on one line, without characters that a terminal would obey.

    >>> clean("two\\nlines\\x1b[31m"), clean(None), clean(0.123456)
    ('two lines?[31m', '', '0.1235')
    """
    if cell is None:
        return ""
    if isinstance(cell, float):
        return number(cell)
    joined = " ".join(str(cell).split())
    return "".join(character if character.isprintable() else "?" for character in joined)


def number(value: float | None) -> str:
    """Four digits that matter; what the order of a sum leaves of nothing is 0.

    >>> number(12345.678), number(0.000123456), number(3.0), number(-1e-17), number(None)
    ('12346', '0.0001235', '3', '0', '')
    """
    if value is None:
        return ""
    if abs(value) < _NOTHING:
        return "0"
    if not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def interval(value: Mapping[str, Any]) -> str:
    """A metric value with its interval.

    >>> interval({"value": 0.5, "low": 0.25, "high": None, "n": 12})
    '0.5 [0.25, ?]'
    """
    if value["value"] is None:
        return "-"
    if value["low"] is None and value["high"] is None:
        return number(value["value"])
    low, high = (number(value[bound]) or "?" for bound in ("low", "high"))
    return f"{number(value['value'])} [{low}, {high}]"
