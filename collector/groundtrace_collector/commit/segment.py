"""Segments: the framed requests of one commit in one file, on disk before anyone is told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundtrace_collector.gate.frame import frames

SUFFIX = ".segment"
_UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class Segment:
    """One commit's file. Its name is its deduplication token: the store takes each token once."""

    path: Path

    @property
    def token(self) -> str:
        """What the store knows this segment by."""
        return self.path.stem

    @property
    def seq(self) -> int:
        """The commit's number in the server sequence."""
        return int(self.path.stem.split("-", 1)[0])

    def digests(self) -> list[bytes]:
        """The digests of the bodies in it; raises ValueError when the file is damaged."""
        return [framed.digest for framed in frames(self.path.read_bytes())]

    def remove(self) -> None:
        """Delete the file; it is no error when it is gone."""
        self.path.unlink(missing_ok=True)


def write_segment(folder: Path, *, seq: int, node: str, pieces: Sequence[bytes]) -> Segment:
    """Write and sync a segment, so that it is whole on disk or not there at all.

    ``node`` tells collectors of one server apart. Raises OSError, and leaves nothing behind.
    """
    path = folder / f"{seq:020d}-{node}{SUFFIX}"
    unfinished = path.with_suffix(_UNFINISHED)
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for start in range(0, len(pieces), 1_000):  # the kernel takes 1,024 pieces at a time
                _write_all(descriptor, pieces[start : start + 1_000])
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.rename(path)
        sync_folder(folder)
    except OSError:
        unfinished.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return Segment(path)


def _write_all(descriptor: int, pieces: Sequence[bytes]) -> None:
    wanted = sum(map(len, pieces))
    written = os.writev(descriptor, pieces)
    if written < wanted:
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Make the folder's names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def left_over(folder: Path) -> Iterator[Segment]:
    """Segments of an earlier process, oldest first; files that were never finished are removed."""
    for unfinished in folder.glob(f"*{_UNFINISHED}"):
        unfinished.unlink()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        yield Segment(path)
