"""The keys of a store: made, listed, revoked, and asked who a token belongs to."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from groundtrace_collector.access.caller import ANYONE, Caller
from groundtrace_collector.access.key import (
    Key,
    Role,
    digest_of,
    new_salt,
    new_token,
    opens,
    prefix_of,
)
from groundtrace_collector.access.uses import KeyUses
from groundtrace_collector.errors import ApiError, StoreError
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)

RELOAD_S: Final = 10.0
"""A key that another collector of the same server store revoked is refused here so soon at the latest."""
MAX_NAME_CHARS: Final = 100
MAX_PROJECT_BYTES: Final = 64
"""What the digest of a body takes of a project's name to tell bodies of two projects apart."""
_BEARER: Final = "bearer "
HOW_TO_MAKE: Final = "make a key with `groundtrace keys create NAME`"


class Keyring:
    """The keys of one store, kept in memory; ``shared`` says that other processes may change them too."""

    def __init__(
        self, store: Store, *, shared: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._shared = shared
        self._monotonic = monotonic
        self._keys: dict[str, Key] = {}
        self._loaded_at: float | None = None
        self._lock = asyncio.Lock()
        self._internal: dict[bytes, Caller] = {}
        self._uses = KeyUses(store)

    def admit(self, name: str) -> str:
        """A secret that this process's own helper comes in with; it dies with the process."""
        secret = secrets.token_urlsafe(32)
        self._internal[_fingerprint(secret)] = Caller(name=name, role=Role.ADMIN, project=None)
        return secret

    async def is_open(self) -> bool:
        """Whether no key was ever made: then whoever reaches the server may do everything."""
        await self._refresh()
        return not self._keys

    async def keys(self) -> list[Key]:
        """Every key, revoked ones too, the oldest first, with its last use."""
        await self._refresh(now=True)
        used = await self._uses.last()
        return [replace(key, last_used_at=used.get(key.prefix)) for key in self._keys.values()]

    async def caller(self, token: str) -> Caller:
        """Who comes with ``token``, '' for none; raises ApiError 401 when a key is needed and it is none."""
        await self._refresh()
        if not self._keys:
            return ANYONE
        if not token:
            raise ApiError(
                401, "unauthorized", "no API key: send `Authorization: Bearer gt_…` (GROUNDTRACE_API_KEY)"
            )
        key = self._keys.get(prefix_of(token) or "")
        if key is not None and opens(key, token):
            self._uses.note(key.prefix)
            return Caller(name=key.name, role=key.role, project=key.project)
        if (internal := self._internal.get(_fingerprint(token))) is not None:
            return internal
        revoked = key is not None and key.revoked_at is not None
        what = f"the key {key.prefix}_… is revoked" if revoked and key else "this API key is not known here"
        raise ApiError(401, "unauthorized", f"{what}: {HOW_TO_MAKE}, or ask who runs this collector")

    async def create(self, *, name: str, role: Role, project: str | None) -> tuple[Key, str]:
        """Make a key; the token that is returned with it is kept nowhere and cannot be shown again.

        Raises ApiError: 400 for a name or project that cannot be one, 409 when a key of this name is in use.
        """
        _check_name(name)
        if project is not None:
            _check_project(project)
        async with self._lock:
            await self._load()
            if any(key.name == name and key.revoked_at is None for key in self._keys.values()):
                raise ApiError(
                    409, "name_taken", f"a key named {name!r} is in use: revoke it first, or name another"
                )
            token, salt = new_token(), new_salt()
            prefix = prefix_of(token) or ""
            key = Key(
                prefix=prefix,
                name=name,
                role=role,
                project=project,
                salt=salt,
                digest=digest_of(token, salt),
                created_at=datetime.now(UTC),
            )
            await self._save(key)
            return key, token

    async def revoke(self, which: str) -> Key:
        """End the key with this prefix, or else this name; raises ApiError 404 when none in use has it."""
        async with self._lock:
            await self._load()
            in_use = [key for key in self._keys.values() if key.revoked_at is None]
            found = [key for key in in_use if key.prefix == which] or [
                key for key in in_use if key.name == which
            ]
            if not found:
                raise ApiError(
                    404, "key_not_found", f"no key {which!r} is in use; `groundtrace keys list` shows them"
                )
            key = found[0]
            revoked = replace(key, revoked_at=datetime.now(UTC))
            await self._save(revoked)
            return revoked

    async def close(self) -> None:
        """Keep when the keys were last used."""
        await self._uses.close()

    async def _save(self, key: Key) -> None:
        await self._store.insert("api_keys", [_row(key, self._store.next_seq())])
        self._keys[key.prefix] = key

    async def _refresh(self, *, now: bool = False) -> None:
        if self._loaded_at is not None:
            late = now or self._monotonic() - self._loaded_at > RELOAD_S
            if not (self._shared and late):
                return
        async with self._lock:
            try:
                await self._load()
            except StoreError as error:
                if self._loaded_at is None:
                    raise
                # While the store is away, those who were let in before still are.
                self._loaded_at = self._monotonic()
                logger.warning("The keys could not be read again: %s", error)

    async def _load(self) -> None:
        if self._loaded_at is not None and not self._shared:
            return
        rows = await self._store.query(statement(__package__, "keys"))
        self._keys = {key.prefix: key for key in map(_key, rows)}
        self._loaded_at = self._monotonic()


def bearer_token(authorizations: Iterable[str]) -> str:
    """The token of `Authorization: Bearer …`; '' where there is none."""
    for value in authorizations:
        if value[: len(_BEARER)].lower() == _BEARER:
            return value[len(_BEARER) :].strip()
    return ""


def _fingerprint(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode()).digest()


def _check_name(name: str) -> None:
    if not (name.strip() == name and 0 < len(name) <= MAX_NAME_CHARS and name.isprintable()):
        raise ApiError(
            400, "invalid_name", f"a key's name has 1 to {MAX_NAME_CHARS} printable characters, got {name!r}"
        )


def _check_project(project: str) -> None:
    if not (
        project.strip() == project
        and project.isprintable()
        and 0 < len(project.encode(errors="replace")) <= MAX_PROJECT_BYTES
    ):
        raise ApiError(
            400,
            "invalid_project",
            f"a key's project has 1 to {MAX_PROJECT_BYTES} printable bytes of UTF-8, got {project!r}",
        )


def _row(key: Key, seq: int) -> dict[str, object]:
    return {
        "Prefix": key.prefix,
        "Name": key.name,
        "Role": key.role.value,
        "Project": key.project or "",
        "Salt": key.salt.hex(),
        "Digest": key.digest.hex(),
        "CreatedAt": key.created_at,
        "RevokedAt": key.revoked_at,
        "Seq": seq,
    }


def _key(row: dict[str, Any]) -> Key:
    return Key(
        prefix=row["Prefix"],
        name=row["Name"],
        role=Role(row["Role"]),
        project=row["Project"] or None,
        salt=bytes.fromhex(row["Salt"]),
        digest=bytes.fromhex(row["Digest"]),
        created_at=row["CreatedAt"],
        revoked_at=row["RevokedAt"],
    )
