"""One process owns an embedded store: a lock on `owner.json` in its folder, taken before the engine opens."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from groundtrace_collector.errors import ConfigError, StoreOwnedError

OWNER_FILE = "owner.json"


@dataclass(frozen=True, slots=True)
class Ownership:
    """The lock of one store's folder; it ends with `release`, or with the process."""

    folder: Path
    descriptor: int

    @classmethod
    def claim(cls, folder: Path, *, address: str) -> Self:
        """Become the folder's owner; it is made where it does not exist.

        Raises StoreOwnedError that names the owner's pid and address, ConfigError where the folder
        cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / OWNER_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise unwritable(folder, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise StoreOwnedError(f"the store {folder} is in use by {owner_of(folder)}") from error
        ownership = cls(folder, descriptor)
        try:
            ownership.announce(address)
        except ConfigError:
            os.close(descriptor)
            raise
        return ownership

    def announce(self, address: str) -> None:
        """Write who the owner is and where it answers; raises ConfigError where the folder cannot be written."""
        text = json.dumps({"pid": os.getpid(), "address": address}).encode()
        try:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, text, 0)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def release(self) -> None:
        """Give the store up."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def unwritable(folder: Path, error: OSError) -> ConfigError:
    """What to raise when a file of the store's folder cannot be written."""
    return ConfigError(f"the store's folder {folder} cannot be written: {error.strerror or error}")


def owner_of(folder: Path) -> str:
    """Who holds the folder, in words: its pid and its address where they are known."""
    owner = _owner(folder)
    try:
        return f"pid {owner['pid']} at {owner['address']}"
    except KeyError:
        return "another process"


def running_at(folder: Path) -> str | None:
    """The URL of the collector that owns the folder now; None where none does, or it has not said yet."""
    try:
        descriptor = os.open(folder / OWNER_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        address = _owner(folder).get("address", "")
        return address if address.startswith("http") else None
    finally:
        os.close(descriptor)
    return None


def _owner(folder: Path) -> dict[str, str]:
    try:
        owner = json.loads((folder / OWNER_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return {key: str(value) for key, value in owner.items()} if isinstance(owner, dict) else {}
