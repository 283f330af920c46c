"""How a connection is read: offers of an upgrade, heads without end and heads that stop, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from groundtrace_collector.http_protocol import MOST_HEAD_BYTES, HttpProtocol

HOST = b"Host: localhost\r\n"
# What Java's java.net.http.HttpClient sends with the first request of a connection, POST or not.
JAVA_OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n"
WEBSOCKET_OFFER = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
)
CLOSE = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
BODY = b"acknowledged"
ANSWER_S = 0.6


class Impatient(HttpProtocol):
    """Waits for a head a shorter time than an answer takes."""

    head_s: ClassVar[float] = ANSWER_S / 3


async def told(request: Request) -> PlainTextResponse:
    """What was received, in one line; `/slow` takes its time."""
    if request.url.path == "/slow":
        await asyncio.sleep(ANSWER_S)
    body = await request.body()
    return PlainTextResponse(
        f"<{request.method} {request.headers.get('upgrade')} {len(body)} {body[:20].decode()}>"
    )


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server of `told`."""
    methods = ["GET", "POST", "CONNECT"]
    app = Starlette(routes=[Route("/{path:path}", told, methods=methods)])
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Impatient(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*state.tasks)


async def answers(port: int, sent: bytes, *, piece: int | None = None, whole: bool = True) -> bytes:
    """All that comes back until the server closes; ``whole`` ends what is sent with a request that asks for that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = sent + CLOSE if whole else sent
    for at in range(0, len(data), piece or len(data) or 1):
        writer.write(data[at : at + (piece or len(data) or 1)])
        await writer.drain()
        if piece:
            await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def post(body: bytes, fields: bytes = b"") -> bytes:
    """A request with a body of known length."""
    return b"POST / HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (HOST, fields, len(body), body)


@pytest.mark.parametrize("piece", [None, 1, 7], ids=["at once", "byte by byte", "in pieces"])
@pytest.mark.parametrize("offer", [JAVA_OFFER, WEBSOCKET_OFFER], ids=["h2c", "websocket"])
async def test_a_request_that_offers_an_upgrade_keeps_its_body(
    port: int, offer: bytes, piece: int | None
) -> None:
    answer = await answers(port, post(BODY, offer) * 2, piece=piece)
    assert answer.count(b"<POST None 12 acknowledged>") == 2
    assert answer.endswith(b"<GET None 0 >")


async def test_an_offer_with_a_body_in_chunks_keeps_it(port: int) -> None:
    sent = b"POST / HTTP/1.1\r\n" + HOST + JAVA_OFFER + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = await answers(port, sent + b"5\r\nackno\r\n7\r\nwledged\r\n0\r\n\r\n")
    assert b"<POST None 12 acknowledged>" in answer


async def test_an_offer_without_a_body_is_an_ordinary_request(port: int) -> None:
    sent = b"GET / HTTP/1.1\r\n" + HOST + WEBSOCKET_OFFER + b"\r\n"
    answer = await answers(port, sent)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"<GET None 0 >") == 2


async def test_a_head_without_end_is_answered_400(port: int) -> None:
    sent = b"GET / HTTP/1.1\r\n" + HOST + b"X-Long: " + b"a" * (MOST_HEAD_BYTES + 1)
    answer = await answers(port, sent, whole=False)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"more than 65536 bytes" in answer


async def test_a_body_is_not_counted_as_head(port: int) -> None:
    large = b"b" * (3 * MOST_HEAD_BYTES)
    answer = await answers(port, post(large) + post(large))
    assert answer.count(b"<POST None %d " % len(large)) == 2


@pytest.mark.parametrize("sent", [b"", b"GET / HT"], ids=["nothing", "half a line"])
async def test_a_connection_whose_head_does_not_come_is_closed(port: int, sent: bytes) -> None:
    began = time.monotonic()
    assert await answers(port, sent, whole=False) == b""
    assert time.monotonic() - began >= Impatient.head_s


async def test_a_second_head_that_does_not_come_is_not_waited_for(port: int) -> None:
    answer = await answers(port, post(BODY) + b"POST / HTTP/1.1\r\nHost: loc", whole=False)
    assert answer.endswith(b"<POST None 12 acknowledged>")


async def test_an_answer_may_take_longer_than_a_head(port: int) -> None:
    sent = b"GET /slow HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    assert b"<GET None 0 >" in await answers(port, sent, whole=False)
