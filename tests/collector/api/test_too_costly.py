"""A question that needs more memory than one may have: waiting for the store would not help, a narrower one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from groundtrace_collector.store.store import Store
from tests.collector.conftest import BASE_URL, RETENTION_DAYS
from tests.collector.rows import trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ASKED = {"by": "metadata.long", "metrics": "traces"}
SAYS = "the question needs more memory than one may have: narrow the time or the expression"


@pytest.fixture
async def cramped(collector: Collector, engine_dir: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a collector whose store has less memory than its one trace takes."""
    await collector.store.insert("traces", [trace("a", Metadata={"long": "x" * (8 << 20)})])
    store = await Store.open(
        collector.store.url, data_dir=engine_dir, memory_bytes=1 << 20, retention_days=RETENTION_DAYS
    )
    app = create_app(Collector(config=collector.config, store=store))
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE_URL) as client:
            yield client
    finally:
        await store.close()


async def test_the_api_says_to_narrow_it(cramped: httpx.AsyncClient) -> None:
    answer = await cramped.get("/api/v1/cohorts", params=ASKED)

    assert answer.status_code == 400
    assert answer.json() == {"error": {"code": "too_costly", "message": SAYS}}
    assert "retry-after" not in answer.headers


async def test_a_page_says_to_narrow_it(cramped: httpx.AsyncClient) -> None:
    answer = await cramped.get("/cohorts", params=ASKED)

    assert answer.status_code == 400
    assert SAYS in answer.text
