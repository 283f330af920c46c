"""The way in for whoever may read the store's own folder: a secret in a file, for as long as the server runs.

Whoever reads that folder has the spans anyway. With it `groundtrace keys` on the same machine reaches a
running server whose keys are lost, or that has none which may make keys.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from groundtrace_collector.errors import ConfigError

SECRET_FILE: Final = "local.key"  # noqa: S105  (its name)


@contextmanager
def offered(folder: Path, secret: str) -> Iterator[None]:
    """Keep ``secret`` where only the folder's owner reads it, until the block is left; raises ConfigError."""
    path = folder / SECRET_FILE
    try:
        path.unlink(missing_ok=True)  # one that a killed server left may have another mode
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret)
    except OSError as error:
        raise ConfigError(f"the store's folder {folder} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def secret_in(folder: Path) -> str | None:
    """The secret of the server that runs on a store's folder; None where it cannot be read."""
    try:
        return (folder / SECRET_FILE).read_text() or None
    except OSError:
        return None
