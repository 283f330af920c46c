"""What every page's context has, and how a context becomes a response."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from groundtrace_collector.pages import formats, static

# Nothing runs on the pages: no script, no frame, no plug-in, and no style but the style sheet.
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NAVIGATION = (
    ("traces", "Traces", "/"),
    ("cohorts", "Cohorts", "/cohorts"),
    ("compare", "Compare", "/compare"),
    ("evaluations", "Evaluations", "/evaluations"),
    ("encoders", "Encoders", "/encoders"),
    ("datasets", "Datasets", "/datasets"),
    ("sql", "SQL", "/sql"),
    ("settings", "Settings", "/settings"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page's context; ``template`` and ``section`` (the entry of the navigation) are the class's."""

    template: ClassVar[str]
    section: ClassVar[str]
    title: str
    json_url: str = ""
    """The page's endpoint under /api/v1, where it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage(Page):
    """A page that cannot be shown, and why."""

    template: ClassVar[str] = "error.html"
    section: ClassVar[str] = ""
    status: int
    message: str


def rendered(page: Page, *, status: int = 200) -> HTMLResponse:
    """The page as a response that no cache keeps: traces are private and change."""
    html = _ENVIRONMENT.get_template(page.template).render(page=page)
    return HTMLResponse(html, status_code=status, headers={**HEADERS, "Cache-Control": "no-store"})


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("groundtrace_collector.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        navigation=NAVIGATION,
        nothing=formats.NOTHING,
        static_url=static.url,
        words=formats.words,
    )
    return environment


_ENVIRONMENT = _environment()
