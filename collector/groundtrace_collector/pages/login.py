"""The login: a person's browser is given an API key as a cookie, for as long as it is open."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from groundtrace_collector.access.gatekeeper import COOKIE
from groundtrace_collector.access.key import Role
from groundtrace_collector.errors import ApiError
from groundtrace_collector.pages.page import Page, rendered
from groundtrace_collector.pages.route import PageRoute
from groundtrace_collector.receive.body import read_body
from groundtrace_collector.state import collector_of

_FORM_BYTES = 8 << 10

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage(Page):
    """The form, and what was wrong with what it sent."""

    template: ClassVar[str] = "login.html"
    section: ClassVar[str] = ""
    next_url: str
    needed: bool
    """Whether this collector has keys at all."""
    error: str = ""


@router.get("/login")
async def form(request: Request) -> Response:
    """The form."""
    needed = not await collector_of(request).keys.is_open()
    wanted = _local(request.query_params.get("next", ""))
    return rendered(LoginPage(title="Log in", next_url=wanted, needed=needed))


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Check the key and hand it to the browser; a wrong one is 401 with the form."""
    sent = parse_qs(
        (await read_body(request, limit=_FORM_BYTES, stall_s=collector_of(request).config.stall_s)).decode(
            errors="replace"
        )
    )
    token = sent.get("key", [""])[0].strip()
    wanted = _local(sent.get("next", [""])[0])
    try:
        caller = await collector_of(request).keys.caller(token)
    except ApiError as error:
        page = LoginPage(title="Log in", next_url=wanted, needed=True, error=error.message)
        return rendered(page, status=error.status)
    if caller.role is Role.INGEST:
        words = f"The key {caller.name!r} has the role ingest; pages need read or admin."
        return rendered(LoginPage(title="Log in", next_url=wanted, needed=True, error=words), status=403)
    response = RedirectResponse(wanted, status_code=303)
    if token:
        response.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
    return response


@router.post("/logout")
async def log_out() -> Response:
    """Take the key back from the browser."""
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _local(url: str) -> str:
    r"""An address on this server, else the first page: what follows a login must not lead elsewhere.

    >>> _local("/traces?limit=3"), _local("//evil.example"), _local("/\\evil.example"), _local("https://x")
    ('/traces?limit=3', '/', '/', '/')
    """
    is_local = url.startswith("/") and not url.startswith("//") and "\\" not in url and url.isprintable()
    return url if is_local else "/"
