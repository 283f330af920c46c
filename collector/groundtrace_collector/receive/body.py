"""Reading a request's body, no more of it than is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request

from groundtrace_collector.errors import ApiError, TooLargeError, UnavailableError


def announced_bytes(request: Request) -> int:
    """The body's length as the sender announced it; 0 where it did not."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isdigit() else 0


async def read_body(
    request: Request, *, limit: int, stall_s: float, count: Callable[[int], None] = lambda _size: None
) -> bytes:
    """The whole body, as sent; ``count`` is told of each part, and may raise.

    Raises TooLargeError beyond ``limit`` bytes, before reading where announced; ApiError 408 when nothing
    more comes for ``stall_s`` seconds; UnavailableError when the server stops before the rest has come.
    """
    announced = announced_bytes(request)
    if announced > limit:
        raise TooLargeError(f"the body has {announced} bytes; at most {limit} are taken")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(stall_s) as stall:
            async for part in request.stream():
                stall.reschedule(asyncio.get_running_loop().time() + stall_s)
                size += len(part)
                if size > limit:
                    raise TooLargeError(f"the body has more than {limit} bytes")
                count(len(part))
                parts.append(part)
    except TimeoutError as error:
        whole = f" of {announced}" if announced else ""
        raise ApiError(
            408, "stalled", f"the body stopped after {size}{whole} bytes: nothing came for {stall_s:g} s"
        ) from error
    except asyncio.CancelledError as error:  # nobody else cancels a request
        raise UnavailableError("the collector is stopping") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)
