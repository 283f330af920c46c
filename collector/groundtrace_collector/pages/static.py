"""The pages' own files: one style sheet and the icon, cached for a year under the hash of their content."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi.responses import Response

_MEDIA_TYPES = {"groundtrace.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml"}
_YEAR = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file's bytes with what a browser needs to keep it."""

    content: bytes
    media_type: str
    digest: str


def url(name: str) -> str:
    """The address of a static file; it changes with the content."""
    return f"/static/{name}?v={_file(name).digest}"


def served(name: str, *, version: str | None, if_none_match: str | None) -> Response | None:
    """The response for a static file, 304 where the browser holds it already; None for an unknown name."""
    if name not in _MEDIA_TYPES:
        return None
    file = _file(name)
    headers = {
        "ETag": f'"{file.digest}"',
        # An address with another hash is an older page's: this content must not be kept under it.
        "Cache-Control": _YEAR if version == file.digest else "no-cache",
        "X-Content-Type-Options": "nosniff",
        # An SVG opened by itself is a document.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    if if_none_match is not None and file.digest in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


@cache
def _file(name: str) -> StaticFile:
    content = (files("groundtrace_collector.pages") / "static" / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return StaticFile(content=content, media_type=_MEDIA_TYPES[name], digest=digest)
