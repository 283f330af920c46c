"""The door: names that are answered, and pages that may write."""

from __future__ import annotations

import httpx
import pytest

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from groundtrace_collector.door import hosts_of, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


OTHERS = ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "localhost.evil.example", ""]  # noqa: S104


@pytest.mark.parametrize("host", OTHERS)
def test_anything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_allowed_names_are_answered_whatever_their_case() -> None:
    assert "traces.example" in hosts_of("127.0.0.1", ["Traces.Example"])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:4318", 200),
        ("[::1]:4318", 200),
        ("10.1.2.3", 200),
        ("traces.example", 200),
        ("traces.example.evil", 421),
        ("evil.example", 421),
        ("localhost.", 421),
    ],
)
async def test_a_name_is_answered_where_it_is_ours(collector: Collector, host: str, status: int) -> None:
    app = create_app(allowing(collector))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/healthz", headers={"host": host})

    assert answer.status_code == status
    if status == 421:
        assert "--allow-host" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:4318", "http://localhost:4318", 404),
        ("localhost:4318", "http://localhost:3000", 403),
        ("localhost:4318", "http://127.0.0.1:4318", 403),
        ("localhost:4318", "null", 403),
        ("localhost:4318", "http://[", 403),
        ("127.0.0.1:4318", "https://traces.example", 404),
    ],
    ids=["own", "another program here", "another name", "null", "broken", "behind a proxy"],
)
async def test_only_our_own_pages_may_write(
    collector: Collector, host: str, origin: str, status: int
) -> None:
    app = create_app(allowing(collector))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.post("/nothing", headers={"host": host, "origin": origin})

    assert answer.status_code == status


def allowing(collector: Collector) -> Collector:
    collector.config = collector.config.model_copy(update={"allow_host": ("traces.example",)})
    return collector
