"""Batches of spans on disk, kept until the collector takes them. Shared by processes, bounded in bytes and age.

One file a batch: the body of a request as it was to be sent, so that a collector that had taken it
already knows it again. Files are written beside and renamed, so none is ever seen half done; they
outlive the process, though not a power cut. Names sort by the time of writing.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from groundtrace.errors import ConfigError

DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024
DEFAULT_MAX_AGE_S: Final = 24 * 3_600.0

_SUFFIXES: Final[Mapping[str | None, str]] = {None: ".otlp", "gzip": ".otlp.gz", "deflate": ".otlp.zz"}
_ENDINGS: Final = tuple(_SUFFIXES.values())
_HALF_DONE: Final = ".tmp"
_LOCK: Final = "lock"
# The folder is measured again when this share of its limit was added to it.
_SCANS_PER_LIMIT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    """Where batches wait, and how much of them for how long."""

    folder: Path
    max_bytes: int = DEFAULT_MAX_BYTES
    max_age_s: float = DEFAULT_MAX_AGE_S


def spool_settings(environ: Mapping[str, str] = os.environ) -> SpoolSettings | None:
    """Return what ``GROUNDTRACE_SPOOL``, ``GROUNDTRACE_SPOOL_MB`` and ``GROUNDTRACE_SPOOL_HOURS`` say; None when off.

    Raises ConfigError when a limit is no positive number or nothing can be written there.
    """
    folder = environ.get("GROUNDTRACE_SPOOL")
    if not folder:
        return None
    max_mb = _positive(environ, "GROUNDTRACE_SPOOL_MB", DEFAULT_MAX_BYTES / 1024**2)
    max_hours = _positive(environ, "GROUNDTRACE_SPOOL_HOURS", DEFAULT_MAX_AGE_S / 3_600)
    settings = SpoolSettings(
        folder=Path(folder).expanduser().absolute(),
        max_bytes=int(max_mb * 1024**2),
        max_age_s=max_hours * 3_600,
    )
    try:
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"GROUNDTRACE_SPOOL must be a folder that can be written, got {folder!r}: {error}"
        ) from error
    if not os.access(settings.folder, os.W_OK | os.X_OK):
        raise ConfigError(f"GROUNDTRACE_SPOOL must be a folder that can be written, got {folder!r}")
    return settings


def _positive(environ: Mapping[str, str], key: str, default: float) -> float:
    value = environ.get(key)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise ConfigError(f"{key} must be a number above 0, got {value!r}")
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request that waits; ``encoding`` is its content-encoding."""

    path: Path
    body: bytes
    encoding: str | None


class Spool:
    """The batches for one collector. Any number of processes may write; one at a time may send."""

    def __init__(self, settings: SpoolSettings, recipient: str) -> None:
        """``recipient`` tells apart what must not be mixed: the collector's address and the key to it."""
        name = hashlib.sha256(recipient.encode()).hexdigest()[:16]
        self.folder = settings.folder / name
        self._settings = settings
        self._counter = itertools.count()
        # Unknown until it is measured: other processes write here, too.
        self._added_bytes = settings.max_bytes

    def put(self, body: bytes, encoding: str | None) -> int:
        """Keep one batch; return how many older ones had to go. Raises OSError when it cannot be written."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._counter)}"
        half_done = self.folder / (name + _HALF_DONE)
        try:
            with open(half_done, "wb", opener=_private) as file:
                file.write(body)
            half_done.replace(self.folder / (name + _SUFFIXES[encoding]))
        except OSError:
            half_done.unlink(missing_ok=True)
            raise
        self._added_bytes += len(body)
        if self._added_bytes * _SCANS_PER_LIMIT < self._settings.max_bytes:
            return 0
        self._added_bytes = 0
        return self._trim()

    def waiting(self) -> list[Path]:
        """Return the batches' files, the oldest first."""
        try:
            found = [path for path in self.folder.iterdir() if path.name.endswith(_ENDINGS)]
        except OSError:  # nothing was ever kept, or the folder is gone
            return []
        return sorted(found)

    def read(self, path: Path) -> Batch | None:
        """Return a batch; None when another process has sent or dropped it."""
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return None
        encoding = next(key for key, suffix in _SUFFIXES.items() if path.name.endswith(suffix))
        return Batch(path=path, body=body, encoding=encoding)

    def remove(self, batch: Batch) -> None:
        """Forget a batch that was sent, or that nobody takes."""
        batch.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def claim(self) -> Iterator[bool]:
        """Be the one that sends; False when another process is. It ends with the process, however that ends."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.folder / _LOCK, "ab", opener=_private) as file:
            try:
                # A record lock: unlike flock's, a forked child does not hold it on.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True

    def sweep(self) -> int:
        """Drop what is too old, for this and for every other recipient; return how many of our batches went."""
        for folder in self._settings.folder.iterdir():
            if folder != self.folder and folder.is_dir():
                _drop_older(folder, self._settings.max_age_s)
        return self._trim()

    def _trim(self) -> int:
        dropped = _drop_older(self.folder, self._settings.max_age_s)
        files = [(path, _size(path)) for path in self.waiting()]
        excess = sum(size for _, size in files) - self._settings.max_bytes
        for path, size in files:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size
            dropped += 1
        return dropped


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _drop_older(folder: Path, max_age_s: float) -> int:
    """Drop batches, and what a killed process left half done; return how many batches that were."""
    oldest_ns = time.time_ns() - int(max_age_s * 1e9)
    dropped = 0
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            written_ns, _, rest = path.name.partition("-")
            if rest and written_ns.isdigit() and int(written_ns) < oldest_ns:
                path.unlink(missing_ok=True)
                dropped += not rest.endswith(_HALF_DONE)
    return dropped
