"""Content encodings of request bodies, inflated up to a limit and no further."""

from __future__ import annotations

import sys
import zlib
from typing import Any, Protocol, cast

from isal import isal_zlib

from groundtrace_collector.errors import ApiError, DecodeError, TooLargeError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS = ("gzip", "deflate", "zstd")
_IsalError = cast("type[Exception]", isal_zlib.error)  # its stub calls the class an instance
# Each part costs a copy of what follows it: half a million empty ones would keep the server busy for an hour.
_MOST_PARTS = 100
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15


class _Inflater(Protocol):
    """What zlib's, isal's and zstd's decompressors have in common."""

    eof: bool

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def unused_data(self) -> bytes: ...


def inflate(body: bytes, encoding: str, *, limit: int) -> bytes:
    """The body behind a Content-Encoding; an empty one or ``identity`` is the body itself.

    Raises ApiError 415 for an encoding that is not taken, TooLargeError when more than ``limit`` bytes
    come out, DecodeError when the body is damaged or cut short.
    """
    name = encoding.strip().lower()
    name = "gzip" if name == "x-gzip" else name  # RFC 9110 has them mean the same
    if name in {"", "identity"}:
        return body
    if name not in ENCODINGS:
        raise ApiError(
            415, "unsupported_encoding", f"Content-Encoding {encoding!r}: send {', '.join(ENCODINGS)}"
        )
    try:
        return _inflate(body, name, limit)
    except (_IsalError, zlib.error, zstd.ZstdError, EOFError) as error:
        raise DecodeError(f"the {name} body is damaged: {error}") from error


def _inflate(body: bytes, name: str, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit
    while body or not parts:  # gzip and zstd bodies may be several in a row
        if len(parts) == _MOST_PARTS:
            raise DecodeError(f"the {name} body has more than {_MOST_PARTS} parts: send it as one")
        inflater = _inflater(name, body)
        part = inflater.decompress(body, room + 1)
        if len(part) > room:
            raise TooLargeError(f"the {name} body inflates to more than {limit} bytes")
        if not inflater.eof:
            raise DecodeError(f"the {name} body is cut short")
        parts.append(part)
        room -= len(part)
        body = inflater.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflater(name: str, body: bytes) -> _Inflater:
    inflater: Any
    if name == "zstd":
        inflater = zstd.ZstdDecompressor()
    elif name == "gzip":
        inflater = isal_zlib.decompressobj(wbits=_GZIP_BITS)
    else:
        # RFC 9110 means zlib's format; some senders leave its header out.
        zlib_header = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
        inflater = isal_zlib.decompressobj(wbits=_ZLIB_BITS if zlib_header else _RAW_BITS)
    return inflater  # type: ignore[no-any-return]
