"""The door: which requests this server answers at all."""

from __future__ import annotations

import json
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Door:
    """Middleware that refuses what a web page elsewhere could make a browser send.

    An unexpected Host header is a name that someone else's DNS points here (DNS rebinding); an Origin of
    another host is a form or script of another site.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with an error."""
        if scope["type"] == "http" and (error := self._objection(scope)) is not None:
            await _refuse(send, *error)
            return
        await self._app(scope, receive, send)

    def _objection(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host and _host_name(f"//{host}") not in self._hosts:
            return 421, "unexpected_host", f"this server does not answer as {host!r}"
        origin = headers.get("origin", "")
        if origin and scope["method"] not in _READING and _host_name(origin) not in self._hosts:
            return 403, "foreign_origin", f"pages of {origin!r} may not write here"
        return None


def hosts_of(bound_to: str) -> frozenset[str]:
    """The names that a server bound to an address answers to."""
    return LOOPBACK_NAMES | {bound_to.lower()}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host.lower() in LOOPBACK_NAMES or host.startswith("127.")


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
