"""API keys: how one is made, what is kept of it, and how a token is known again. Pure but for randomness."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

TOKEN_START: Final = "gt_"  # noqa: S105  (not a secret, what each starts with)
_PREFIX_CHARS: Final = 8
_SECRET_BYTES: Final = 24
_SALT_BYTES: Final = 16
_TOKEN = re.compile(r"(gt_[0-9a-z]{8})_[0-9a-f]{48}")
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Role(StrEnum):
    """What a key may do."""

    INGEST = "ingest"
    """Send spans, log events, scores and feedback."""
    READ = "read"
    """Read what is stored: GETs and SQL."""
    ADMIN = "admin"
    """Everything, keys and jobs included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is kept of a key: never the token, only its hash.

    ``prefix`` is the start of the token, by which it is listed and found; ``project`` the only one that the
    key reaches, None for all of them. ``last_used_at`` is told where keys are listed, None for never.
    """

    prefix: str
    name: str
    role: Role
    project: str | None
    salt: bytes
    digest: bytes
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


def new_token() -> str:
    """A token that nobody can guess: `gt_`, eight characters to know it by, 192 random bits."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_CHARS))
    return f"{TOKEN_START}{prefix}_{secrets.token_hex(_SECRET_BYTES)}"


def new_salt() -> bytes:
    """Random bytes to key one token's hash with."""
    return secrets.token_bytes(_SALT_BYTES)


def prefix_of(token: str) -> str | None:
    """The part of a token that is no secret; None for text that is no token."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else None


def digest_of(token: str, salt: bytes) -> bytes:
    """What is kept of a token: its BLAKE2b hash, keyed with the key's own salt.

    A slow hash protects guessable passwords. A token has 192 random bits, beyond any guessing, and is
    checked with each request, so the hash is a fast one.
    """
    return hashlib.blake2b(token.encode(), digest_size=32, key=salt, person=b"groundtrace.key").digest()


def opens(key: Key, token: str) -> bool:
    """Whether ``token`` is the one that ``key`` was made for, and it is not revoked."""
    fits = hmac.compare_digest(digest_of(token, key.salt), key.digest)
    return fits and key.revoked_at is None
