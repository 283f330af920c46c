"""How far a process had settled: a number in a file, so that the next one leaves out nothing and repeats little."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

logger = logging.getLogger(__name__)


class Watermark:
    """A commit's sequence: every earlier commit is settled. It only has to survive the process, not the machine.

    After a crash of the machine the file may be older than what it says, and some commits settle once more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: int | None = None

    def read(self) -> int | None:
        """The sequence that was kept; None where there is none, or no number in the file."""
        with contextlib.suppress(OSError, ValueError):
            self._last = int(self._path.read_text())
        return self._last

    def keep(self, seq: int) -> None:
        """Keep a sequence. A disk that takes no more leaves the one before."""
        if seq == self._last:
            return
        unfinished = self._path.with_suffix(".unfinished")
        try:
            unfinished.write_text(str(seq))
            unfinished.replace(self._path)
        except OSError as error:
            logger.warning("How far traces are settled could not be kept: %s", error)
        else:
            self._last = seq
