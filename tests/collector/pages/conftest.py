"""Pages over a real store, and a real browser."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id
from tests.collector.pages.rag import TRACE, rag_scores, rag_spans

DATASET_ROWS = [
    {
        "query": "How long does a refund take? " * 20,
        "positive_chunk": "Refunds are paid within ten days.",
        "hard_negative_chunk": "x" * 3_000,
        "positive_ids": ["policy-3", "y" * 400],
        "metadata": {"doc_family": "billing", "long": "z" * 400},
        "embedding_model_version": "minilm@2",
        "trace_id": TRACE,
        "source": "mined: gold ids, negative ranked above",
    },
    {"query": "Is there a voucher?"},
]
"""Rows as long as a page must bear, and as short as rows may be."""

# What a headless Chromium needs on a machine whose network is closed; it runs as root in CI.
_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def traced(send: Send, client: httpx.AsyncClient) -> str:
    """The id of a stored RAG trace with documents, scores and feedback; a dataset `golden` stands beside it."""
    await send(rag_spans(TRACE), resource={"openinference.project.name": "shop"})
    accepted = await client.post("/api/v1/scores", json={"scores": rag_scores(TRACE)})
    assert accepted.json()["rejected"] == []
    given = {"trace_id": TRACE, "name": "thumbs", "value": -1, "comment": "There is no voucher."}
    assert (await client.post("/api/v1/feedback", json=given)).status_code == 200
    made = await client.post("/api/v1/datasets/golden/rows", json={"rows": DATASET_ROWS})
    assert made.status_code == 200, made.text
    return TRACE


@pytest.fixture
def new_trace() -> str:
    """A trace id that no other test has."""
    return new_trace_id()


@pytest.fixture
async def site(collector: Collector) -> AsyncIterator[str]:
    """The address of the collector's application, served on a free port."""
    config = uvicorn.Config(
        create_app(collector), host="127.0.0.1", port=0, log_level="error", lifespan="off"
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    # The socket listens already: a browser that comes before the server waits in its queue.
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving
    listener.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium; without one the test is skipped, but fails where CI=true."""
    executable = shutil.which("chromium")
    if executable is None:
        missing = "no chromium on this machine (apt-get install -y chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_CHROMIUM_FLAGS)
        yield browser
        await browser.close()
