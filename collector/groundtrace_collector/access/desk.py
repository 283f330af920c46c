"""Where `groundtrace keys` goes: to a collector's API, or to a store that no collector runs on."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from groundtrace import AsyncClient
from groundtrace.endpoints import DEFAULT_URL
from groundtrace_collector.access.key import Role
from groundtrace_collector.access.keyring import Keyring
from groundtrace_collector.access.local import secret_in
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.errors import ConfigError
from groundtrace_collector.store.engine import ENGINE_FOLDER
from groundtrace_collector.store.owner import Ownership, running_at

Shown = dict[str, Any]


class Desk(Protocol):
    """Where keys are made; each key is shown as the API shows it."""

    async def create(self, *, name: str, role: str, project: str | None) -> Shown:
        """Make a key; the token is in `key`."""

    async def keys(self) -> list[Shown]:
        """Every key."""

    async def revoke(self, which: str) -> Shown:
        """End a key."""


def desk(url: str | None, store: str | None, environ: Mapping[str, str] = os.environ) -> Desk:
    """The desk for what the user named: a collector by ``url``, a store, or neither.

    Without either: the store in the environment, or the collector that runs on the default store, one on the
    default port, else the default store itself. Raises ConfigError for a store that cannot be one.
    """
    url = url or (environ.get("GROUNDTRACE_URL") if store is None else None)
    config = CollectorConfig.from_env(environ, **({"store": store} if store else {}))
    running = running_at(config.data_dir) if config.embedded else None
    key = environ.get("GROUNDTRACE_API_KEY")
    if url is not None and url.rstrip("/") != running:
        return _Remote(url, key)
    if running is not None:
        return _Remote(running, key or secret_in(config.data_dir))
    named = store is not None or "GROUNDTRACE_STORE" in environ
    if not named and _answers(DEFAULT_URL):
        return _Remote(DEFAULT_URL, key)
    return _Direct(config)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1):
            return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class _Remote:
    """A collector's API."""

    url: str
    api_key: str | None

    async def create(self, *, name: str, role: str, project: str | None) -> Shown:
        async with AsyncClient(self.url, api_key=self.api_key) as client:
            return await client.post("/api/v1/keys", {"name": name, "role": role, "project": project})

    async def keys(self) -> list[Shown]:
        async with AsyncClient(self.url, api_key=self.api_key) as client:
            keys: list[Shown] = (await client.get("/api/v1/keys"))["keys"]
            return keys

    async def revoke(self, which: str) -> Shown:
        async with AsyncClient(self.url, api_key=self.api_key) as client:
            return await client.delete(f"/api/v1/keys/{quote(which, safe='')}")


@dataclass(frozen=True, slots=True)
class _Direct:
    """A store that no collector runs on; it is owned while it is open."""

    config: CollectorConfig

    async def create(self, *, name: str, role: str, project: str | None) -> Shown:
        from groundtrace_collector.api.keys import shown

        async with self._keyring() as keyring:
            key, token = await keyring.create(name=name, role=Role(role), project=project)
            return shown(key) | {"key": token}

    async def keys(self) -> list[Shown]:
        from groundtrace_collector.api.keys import shown

        self._must_be_there()
        async with self._keyring() as keyring:
            return [shown(key) for key in await keyring.keys()]

    async def revoke(self, which: str) -> Shown:
        from groundtrace_collector.api.keys import shown

        self._must_be_there()
        async with self._keyring() as keyring:
            return shown(await keyring.revoke(which))

    def _must_be_there(self) -> None:
        # Opening a misspelt folder would make a store of it, and say of that one that nobody needs a key.
        folder = self.config.data_dir
        if self.config.embedded and not (folder / ENGINE_FOLDER).exists():
            raise ConfigError(
                f"there is no store at {folder}: `groundtrace serve` makes one, --store names another"
            )

    @asynccontextmanager
    async def _keyring(self) -> AsyncIterator[Keyring]:
        from groundtrace_collector.store.store import Store

        config = self.config
        owned = Ownership.claim(config.data_dir, address="groundtrace keys") if config.embedded else None
        try:
            store = await Store.open(
                config.store,
                data_dir=config.data_dir,
                memory_bytes=config.memory_bytes,
                retention_days=config.retention_days,
            )
            try:
                yield Keyring(store, shared=not config.embedded)
            finally:
                await store.close()
        finally:
            if owned is not None:
                owned.release()
