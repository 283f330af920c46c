"""Requests as ClickHouse reads them: each behind its length, with the collector's own fields after its bytes.

The fields are repeated ones that OTLP does not have, so a request needs no decoding to carry them, and one
that a sender forged comes before ours: the store reads the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_PROJECT_KEY = 1000 << 3 | 2
_SEQ_KEY = 1001 << 3 | 0
_DIGEST_KEY = 1002 << 3 | 2
DIGEST_BYTES = 16


def varint(number: int) -> bytes:
    """A non-negative integer in protobuf's base-128 form."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_DIGEST_HEAD = varint(_DIGEST_KEY) + varint(DIGEST_BYTES)


def frame(body: bytes, *, project: str, seq: int, digest: bytes) -> tuple[bytes, bytes, bytes]:
    """One request in three pieces, to be written one after another: its length, its bytes, our fields.

    ``project`` is the one that the sender's key is bound to, empty where none; ``digest`` is the body's.
    """
    name = project.encode()
    tail = b"".join(
        (varint(_PROJECT_KEY), varint(len(name)), name, varint(_SEQ_KEY), varint(seq), _DIGEST_HEAD, digest)
    )
    return varint(len(body) + len(tail)), body, tail


@dataclass(frozen=True, slots=True)
class Framed:
    """One request of a segment: its bytes with our fields, and the digest among them."""

    message: bytes
    digest: bytes


def frames(segment: bytes) -> Iterator[Framed]:
    """The requests of a segment's bytes; raises ValueError where they are cut short."""
    at = 0
    while at < len(segment):
        length, at = _read_varint(segment, at)
        if at + length > len(segment):
            raise ValueError("the segment is cut short")
        message = segment[at : at + length]
        at += length
        yield Framed(message, message[-DIGEST_BYTES:])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the segment is cut short")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
