"""Reading a request's body, no more of it than is taken."""

from __future__ import annotations

from starlette.requests import Request

from groundtrace_collector.errors import TooLargeError


def announced_bytes(request: Request) -> int:
    """The body's length as the sender announced it; 0 where it did not."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isdigit() else 0


async def read_body(request: Request, *, limit: int) -> bytes:
    """The whole body, as sent; raises TooLargeError beyond ``limit`` bytes, before reading where announced."""
    if announced_bytes(request) > limit:
        raise TooLargeError(f"the body has {announced_bytes(request)} bytes; at most {limit} are taken")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError(f"the body has more than {limit} bytes")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
