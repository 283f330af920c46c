"""A table of model prices: read from CSV, and asked for what a call cost. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from io import StringIO
from typing import Final

from groundtrace_collector.errors import ConfigError

_REQUIRED: Final = ("model", "input", "output")
_COLUMNS: Final = (*_REQUIRED, "cache_read", "cache_write", "over", "since", "source")
_ALWAYS: Final = -1
_TOKENS: Final = 1_000_000  # that a price is for


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens, of prompts beyond a length, from a day on.

    ``output`` is None where there is none, as for embeddings. ``over_tokens`` and ``since_ns`` are -1 where
    the price holds for every prompt, and always.
    """

    input: float
    output: float | None
    cache_read: float
    cache_write: float
    over_tokens: int = _ALWAYS
    since_ns: int = _ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The tokens of one call: those of the prompt with the cached ones, those of the answer with the reasoning."""

    prompt: int | None
    completion: int | None
    cache_read: int | None = None
    cache_write: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: the names it is for, and its price, None where it says that none is known."""

    line: int
    names: tuple[str, ...]
    price: Price | None


class PriceTable:
    """Prices by model name; ``sections`` are asked in turn, and the first that knows a model's name answers."""

    def __init__(self, *sections: Sequence[Row]) -> None:
        self._sections = [[(name, row) for row in rows for name in row.names] for rows in sections]
        self._find = lru_cache(maxsize=4_096)(self._search)

    def prices_of(self, model: str) -> tuple[Price, ...]:
        """The prices of a model by day and length, the last that fits holds; empty where none is known.

        A name is looked up as it is, then without its version (`name@version`) and without what stands before
        its last slash. An exact name stands over a pattern, a longer pattern over a shorter one.
        """
        return self._find(model)

    def cost_usd(self, model: str, started_ns: int, usage: Usage, *, is_llm: bool) -> float | None:
        """What a call cost; None without a price, or where tokens that it must have used are unknown.

        Cached tokens are part of the prompt's; a prompt of fewer tokens than its cached ones does not have
        them in it (some providers count so).
        """
        prices = [price for price in self.prices_of(model) if _fits(price, started_ns, usage)]
        if not prices or usage.prompt is None:
            return None
        price = prices[-1]
        cached = (usage.cache_read or 0) + (usage.cache_write or 0)
        fresh = usage.prompt - cached if usage.prompt >= cached else usage.prompt
        cost = (
            fresh * price.input
            + (usage.cache_read or 0) * price.cache_read
            + (usage.cache_write or 0) * price.cache_write
        )
        if not is_llm or usage.completion == 0:
            return cost / _TOKENS
        if usage.completion is None or price.output is None:
            return None
        return (cost + usage.completion * price.output) / _TOKENS

    def columns(self, models: Iterable[str]) -> dict[str, list[object]]:
        """The prices of ``models`` as parallel lists, for a statement's parameters."""
        rows = [(model, price) for model in sorted(set(models)) for price in self.prices_of(model)]
        columns: dict[str, list[object]] = {"price_model": [model for model, _ in rows]}
        for name in ("input", "output", "cache_read", "cache_write", "over_tokens", "since_ns"):
            columns[f"price_{name}"] = [getattr(price, name) for _, price in rows]
        return columns

    def _search(self, model: str) -> tuple[Price, ...]:
        for section in self._sections:
            for form in _forms(model):
                matches = [(_rank(name), row) for name, row in section if _matches(name, form)]
                if matches:
                    best = max(rank for rank, _ in matches)
                    found = (row.price for rank, row in matches if rank == best)
                    return tuple(sorted(filter(None, found), key=lambda p: (p.since_ns, p.over_tokens)))
        return ()


NO_PRICES: Final = PriceTable()


def _fits(price: Price, started_ns: int, usage: Usage) -> bool:
    return price.since_ns <= started_ns and price.over_tokens < (usage.prompt or 0)


def _forms(model: str) -> list[str]:
    whole = model.lower()
    last = whole.rpartition("/")[2]
    return list(dict.fromkeys((whole, whole.partition("@")[0], last, last.partition("@")[0])))


def _rank(name: str) -> tuple[bool, int]:
    return "*" not in name, len(name.replace("*", ""))


@lru_cache(maxsize=4_096)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)


def _matches(name: str, model: str) -> bool:
    return _pattern(name).fullmatch(model) is not None


def read_rows(text: str, *, source: str) -> list[Row]:
    """The rows of a CSV file; raises ConfigError that names ``source``, the line and the value of a mistake.

    Lines that begin with `#` are comments. The first other line names the columns: model, input and output
    must be there; cache_read, cache_write, over, since and source may.
    """
    lines = csv.reader(StringIO(text, newline=""))
    header: list[str] | None = None
    rows: list[Row] = []
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            where = f"{source}, line {lines.line_num}"
            if header is None:
                header = _header(cells, where)
            else:
                rows.append(_row(dict(_cells(header, cells, where)), lines.line_num, where))
    except csv.Error as error:
        raise ConfigError(f"prices: {source}, line {lines.line_num}: {error}") from error
    if header is None:
        raise ConfigError(f"prices: {source} has no line that names its columns: {','.join(_COLUMNS)}")
    _check_unambiguous(rows, source)
    return rows


def _header(cells: Sequence[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in names:
        if name not in _COLUMNS or names.count(name) > 1:
            raise ConfigError(
                f"prices: {where}: the columns are {', '.join(_COLUMNS)}, each once; got {name!r}"
            )
    for name in _REQUIRED:
        if name not in names:
            raise ConfigError(f"prices: {where}: there is no column {name!r}, got {', '.join(names)}")
    return names


def _cells(header: Sequence[str], cells: Sequence[str], where: str) -> Iterator[tuple[str, str]]:
    if len(cells) != len(header):
        raise ConfigError(
            f"prices: {where}: there are {len(header)} columns, got {len(cells)} values: {','.join(cells)!r}"
        )
    return ((name, cell.strip()) for name, cell in zip(header, cells, strict=True))


def _row(cells: Mapping[str, str], line: int, where: str) -> Row:
    names = tuple(cells["model"].lower().split())
    if not names:
        raise ConfigError(f"prices: {where}: model must name a model, got {cells['model']!r}")
    dollars = {
        name: _dollars(cells.get(name, ""), name, where)
        for name in ("input", "output", "cache_read", "cache_write")
    }
    if all(value is None for value in dollars.values()):
        return Row(line, names, None)
    if dollars["input"] is None:
        raise ConfigError(f"prices: {where}: input must be a price where another one is given, got ''")
    given = dollars["input"]
    read, write = dollars["cache_read"], dollars["cache_write"]
    price = Price(
        input=given,
        output=dollars["output"],
        cache_read=given if read is None else read,
        cache_write=given if write is None else write,
        over_tokens=_over_tokens(cells.get("over", ""), where),
        since_ns=_since_ns(cells.get("since", ""), where),
    )
    return Row(line, names, price)


def _dollars(text: str, name: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:  # also what is not a number at all
        raise ConfigError(
            f"prices: {where}: {name} must be US dollars for a million tokens, such as 2.50, got {text!r}"
        )
    return value


def _over_tokens(text: str, where: str) -> int:
    if not text:
        return _ALWAYS
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ConfigError(
            f"prices: {where}: over must be a whole number of prompt tokens, such as 200000, got {text!r}"
        )
    return int(text)


def _since_ns(text: str, where: str) -> int:
    if not text:
        return _ALWAYS
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ConfigError(f"prices: {where}: since must be a day such as 2026-11-22, got {text!r}") from error
    return int(day.timestamp()) * 10**9


def _check_unambiguous(rows: Iterable[Row], source: str) -> None:
    seen: dict[tuple[str, int, int], int] = {}
    for row in rows:
        for name in row.names:
            held = row.price or Price(input=0, output=None, cache_read=0, cache_write=0)
            first = seen.setdefault((name, held.since_ns, held.over_tokens), row.line)
            if first != row.line:
                raise ConfigError(
                    f"prices: {source}, line {row.line}: {name!r} has a price for the same day and length "
                    f"in line {first} already"
                )
