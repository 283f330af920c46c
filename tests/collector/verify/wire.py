"""Protobuf's wire format as a tree, to change one field of it and keep every length right."""

from __future__ import annotations

import random
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor

from groundtrace_collector.gate.frame import varint

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = 0, 1, 2, 3, 4, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}


@dataclass(slots=True)
class Field:
    """One field: its number, its wire type, and its bytes or, for a message, its fields."""

    number: int
    wire: int
    content: bytes | list[Field]
    overlong: int = 0

    def write(self) -> bytes:
        """The field as it stands on the wire."""
        head = varint(self.number << 3 | self.wire)
        content = self.content if isinstance(self.content, bytes) else write(self.content)
        if self.wire == GROUP:
            return head + content + varint(self.number << 3 | END_GROUP)
        return head + (_overlong(len(content), self.overlong) if self.wire == BYTES else b"") + content


def _overlong(number: int, extra: int) -> bytes:
    """A varint with ``extra`` bytes that say nothing."""
    short = varint(number)
    if not extra:
        return short
    return short[:-1] + bytes([short[-1] | 0x80]) + b"\x80" * (extra - 1) + b"\x00"


def write(fields: list[Field]) -> bytes:
    """A message's bytes."""
    return b"".join(field.write() for field in fields)


def read(data: bytes, message: Descriptor) -> list[Field]:
    """The fields of a valid message, down to the last."""
    fields = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        start = at
        if wire == VARINT:
            _, at = _varint(data, at)
        elif wire == BYTES:
            length, start = _varint(data, at)
            at = start + length
        else:
            at += _WIDTHS[wire]
        known = message.fields_by_number.get(number)
        is_message = wire == BYTES and known is not None and known.message_type is not None
        content = data[start:at]
        fields.append(Field(number, wire, read(content, known.message_type) if is_message else content))  # type: ignore[union-attr, arg-type]
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def mutate(rng: random.Random, fields: list[Field]) -> None:
    """Change one field, anywhere in the tree."""
    places = list(_places(fields))
    if not places:
        fields.append(_unknown(rng))
        return
    siblings, index = rng.choice(places)
    field = siblings[index]
    match rng.randrange(9):
        case 0:
            siblings.insert(rng.randrange(len(siblings) + 1), field)  # twice, perhaps with others between
        case 1:
            del siblings[index]
        case 2:
            field.wire = rng.choice((VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32, 6, 7))
        case 3:
            field.number = rng.choice((1, 2, 3, 5, 7, 9, 15, 16, 999, 1_000, 1_001, 1_002, 2**29 - 1))
        case 4:
            field.overlong = rng.randint(1, 8)
        case 5:
            siblings.insert(index, Field(field.number, GROUP, [_unknown(rng)]))
        case 6:
            siblings.insert(index, _unknown(rng))
        case 7:
            field.content = rng.choice((b"", b"\xff", b"\xed\xa0\x80", rng.randbytes(rng.randint(1, 20))))
        case _:
            field.content = varint(rng.choice((0, 2**31, 2**63, 2**64 - 1))) + b"\x80" * rng.randrange(2)


def _places(fields: list[Field]) -> list[tuple[list[Field], int]]:
    """Where each field of the tree stands: the list that it is in, and its index."""
    places = [(fields, index) for index in range(len(fields))]
    for field in fields:
        if not isinstance(field.content, bytes):
            places += _places(field.content)
    return places


def _unknown(rng: random.Random) -> Field:
    return Field(
        rng.choice((4, 33, 1_000, 1_001, 99_999)), rng.choice((VARINT, BYTES)), varint(rng.randrange(2**40))
    )
