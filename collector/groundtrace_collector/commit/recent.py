"""Which bodies were stored within the last hour: a sender that missed its answer sends the same again."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from groundtrace_collector.gate.frame import DIGEST_BYTES

KEPT_S = 3_600
MOST = 500_000  # about 60 MB; beyond it the oldest are forgotten first
_RECORD = struct.Struct(f"<{DIGEST_BYTES}sQ")


class RecentBodies:
    """Digests of stored bodies, in memory and, once their segments go, in one file an hour."""

    def __init__(self, folder: Path, *, now_s: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now_s = now_s
        self._stored_at: dict[bytes, float] = {}

    def load(self) -> None:
        """Take up what an earlier process kept; files that are out of date are removed."""
        now = self._now_s()
        for path in sorted(self._folder.glob("*.digests")):
            if not path.stem.isdigit() or (int(path.stem) + 2) * KEPT_S < now:
                path.unlink()
                continue
            data = path.read_bytes()
            whole = len(data) - len(data) % _RECORD.size  # a crash may have cut the last record
            for digest, at in _RECORD.iter_unpack(data[:whole]):
                self._stored_at[digest] = float(at)

    def __contains__(self, digest: bytes) -> bool:
        at = self._stored_at.get(digest)
        return at is not None and self._now_s() - at < KEPT_S

    def add(self, digests: Iterable[bytes]) -> None:
        """Remember bodies as stored now."""
        now = self._now_s()
        for digest in digests:
            self._stored_at.pop(digest, None)  # so that the dict stays in the order of time
            self._stored_at[digest] = now
        self._forget(now)

    def keep(self, digests: Iterable[bytes]) -> None:
        """Write digests to disk and sync them, before the segment that holds them goes."""
        now = int(self._now_s())
        path = self._folder / f"{now // KEPT_S}.digests"
        records = b"".join(_RECORD.pack(digest, int(self._stored_at.get(digest, now))) for digest in digests)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            # What a crash or a full disk cut would put every record behind it out of place.
            file.truncate(file.tell() - file.tell() % _RECORD.size)
            file.write(records)
            file.flush()
            os.fdatasync(file.fileno())
        for old in self._folder.glob("*.digests"):
            if old.stem.isdigit() and (int(old.stem) + 2) * KEPT_S < now:
                old.unlink(missing_ok=True)

    def _forget(self, now: float) -> None:
        while self._stored_at:
            digest, at = next(iter(self._stored_at.items()))
            if len(self._stored_at) <= MOST and now - at < KEPT_S:
                return
            del self._stored_at[digest]
