"""/api/v1/keys: who may come in. Only admins of every project get here (access/policy.py)."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from groundtrace_collector.access.caller import Called
from groundtrace_collector.access.key import Key, Role
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


class KeyIn(BaseModel, extra="forbid"):
    """A key to make."""

    name: str = Field(description="What the key is called; no other key in use may be called so.")
    role: Role = Field(Role.INGEST, description="ingest, read or admin.")
    project: str | None = Field(None, description="The only project that the key reaches.")


@router.get("")
async def list_(request: Request, _caller: Called) -> JSONResponse:
    """Every key, the oldest first, without its token: `{"keys": [...]}`."""
    keys = await collector_of(request).keys.keys()
    return JSONResponse({"keys": [shown(key) for key in keys]})


@router.post("")
async def create(request: Request, wanted: KeyIn, _caller: Called) -> JSONResponse:
    """Make a key; its token is in the field `key`, this once."""
    keyring = collector_of(request).keys
    key, token = await keyring.create(name=wanted.name, role=wanted.role, project=wanted.project)
    return JSONResponse(shown(key) | {"key": token}, headers={"Cache-Control": "no-store"})


@router.delete("/{which}")
async def revoke(request: Request, which: str, _caller: Called) -> JSONResponse:
    """End a key, named by its prefix or its name; it is refused from now on."""
    return JSONResponse(shown(await collector_of(request).keys.revoke(which)))


def shown(key: Key) -> dict[str, Any]:
    """A key as JSON, without what could open anything."""
    return {
        "prefix": key.prefix,
        "name": key.name,
        "role": key.role.value,
        "project": key.project,
        "created_at": _iso(key.created_at),
        "last_used_at": _iso(key.last_used_at),
        "revoked_at": _iso(key.revoked_at),
    }


def _iso(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
