"""The door: under which names this server answers at all, and whose pages may write to it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from groundtrace_collector.access.policy import INGEST_START
from groundtrace_collector.counting import note_refusal
from groundtrace_collector.receive.answers import answer_type, failed

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Door:
    """Middleware that refuses what a web page elsewhere could make a browser send.

    An unexpected Host header is a name that someone else's DNS points here (DNS rebinding); an Origin other
    than this server is a form or script of another site, or of another program on this machine.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with an error."""
        if scope["type"] == "http" and (error := self._objection(scope)) is not None:
            note_refusal(scope, error[1])
            await _answer(scope, *error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _objection(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = hosts[0] if hosts else ""
        if len(hosts) > 1 or (host and not self._answers_as(_host_name(f"//{host}"))):
            return (
                421,
                "unexpected_host",
                (
                    f"this server does not answer as {', '.join(hosts)!r}: "
                    "start it with --allow-host NAME if that is its name"
                ),
            )
        origin = headers.get("origin", "")
        if origin and scope["method"] not in _READING and not self._is_own(origin, host):
            return 403, "foreign_origin", f"pages of {origin!r} may not write here"
        return None

    def _answers_as(self, name: str | None) -> bool:
        # Nobody's DNS decides what an address means, so a bare one is no sign of rebinding.
        return name is not None and (name in self._hosts or _is_address(name))

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` is one of ours: the same name and port as the request's own.

        A proxy may have rewritten the Host header; then its name is one that was allowed.
        """
        try:
            place = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        return place == host.lower() or _host_name(origin) in self._hosts - LOOPBACK_NAMES


def hosts_of(bound_to: str, allowed: Iterable[str] = ()) -> frozenset[str]:
    """The names that a server bound to an address answers to, beside every bare address."""
    names = {bound_to.lower(), *(name.lower() for name in allowed)}
    if not is_loopback(bound_to):
        names.add(socket.gethostname().lower())
    return LOOPBACK_NAMES | names


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _answer(scope: Scope, status: int, code: str, message: str) -> Response:
    if scope["path"].startswith(INGEST_START):
        return failed(status, message, answer_type(Headers(scope=scope)))
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
