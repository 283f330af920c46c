"""HTTP as uvicorn reads it, and what it leaves out: requests that offer an upgrade, and heads without end."""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle
from typing import Any, ClassVar, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES: Final = 64 << 10
"""Longest head of a request: what nobody may send yet must not fill the memory."""


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    Java's HTTP client offers HTTP/2 with each request of a new connection (`Upgrade: h2c`). What follows such a
    head is no body to httptools, so that uvicorn hands on an empty one: the offer is taken out, and the request
    read as any other. A head of more than ``MOST_HEAD_BYTES``, give or take what is read at once, is answered 400,
    and a connection closed whose head is not whole after ``head_s`` seconds.
    """

    head_s: ClassVar[float] = 30.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_in_head = True
        self._has_ended = False
        self._head_bytes = 0
        self._head_timer: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; as uvicorn does, but for an upgrade."""
        self._unset_keepalive_if_required()
        self._has_ended = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        # Where a request ended within these bytes, it is unknown how many are the next one's.
        if self._is_in_head and not self._has_ended:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.send_400_response(f"The request's head has more than {MOST_HEAD_BYTES} bytes.")

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._offers_upgrade():
                head = self._head_without_offer()
                self.parser = httptools.HttpRequestParser(self)
                self._feed(head + data[upgrade.args[0] :])

    def _offers_upgrade(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, b"".join(fields))

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is whole; one with an offer is read once more without it."""
        if self._offers_upgrade():
            return
        self._forget_timer()
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole, if it is one."""
        if self._is_in_head:
            return
        self._is_in_head, self._has_ended, self._head_bytes = True, True, 0
        super().on_message_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_s, self._end)

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
