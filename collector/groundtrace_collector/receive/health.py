"""`/healthz` (the process runs) and `/readyz` (it stores and answers)."""

from __future__ import annotations

from fastapi import APIRouter, Request

from groundtrace_collector.errors import StoreError, UnavailableError
from groundtrace_collector.state import collector_of

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> dict[str, str]:
    """The store answers and takes spans, and what an earlier process left is in it; 503 where not."""
    collector = collector_of(request)
    if not collector.commits.ready.is_set():
        raise UnavailableError("segments of an earlier process are being stored")
    if trouble := collector.commits.trouble:
        raise UnavailableError(f"nothing can be stored: {trouble}")
    try:
        await collector.store.query("SELECT 1 AS one")
    except StoreError as error:
        raise UnavailableError(f"the store does not answer: {error}") from error
    return {"status": "ok"}
