"""The prices as they are now: a file of the user's before those that come with groundtrace."""

from __future__ import annotations

import logging
from importlib import resources
from pathlib import Path

from groundtrace_collector.errors import ConfigError
from groundtrace_collector.prices.table import PriceTable, read_rows

logger = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class PriceBook:
    """A price table that follows its file: a changed file counts from the next question on.

    Raises ConfigError when the file cannot be read at the start. One that turns bad later is said in the log,
    and the prices that were known stand.
    """

    def __init__(self, path: Path | None = None) -> None:
        defaults = resources.files(__package__).joinpath("default.csv").read_text(encoding="utf-8")
        self._defaults = read_rows(defaults, source="default.csv")
        self._path = path
        self._stamp: _Stamp | None = None
        self._table = PriceTable(self._defaults)
        if path is not None:
            self._stamp = _stamp(path)
            self._table = self._read(path)

    def now(self) -> PriceTable:
        """The prices as they are now."""
        if self._path is None:
            return self._table
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._table = self._read(self._path)
            except ConfigError as error:
                logger.error("%s; the earlier prices stand", error)
            else:
                logger.info("prices are read again from %s", self._path)
        return self._table

    def _read(self, path: Path) -> PriceTable:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(f"prices: {path} cannot be read: {why}") from error
        return PriceTable(read_rows(text, source=str(path)), self._defaults)


def _stamp(path: Path) -> _Stamp | None:
    """What changes when a file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
