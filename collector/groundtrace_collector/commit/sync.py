"""Making the store's own files durable: ClickHouse does not sync what it inserts."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path


def sync_filesystem(folder: Path) -> None:
    """Write everything the file system of ``folder`` still holds in memory to disk; raises OSError."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except AttributeError:  # not Linux
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
