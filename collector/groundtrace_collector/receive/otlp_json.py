"""OTLP/JSON, made into the protobuf request that says the same: from there both take one way.

Written straight as protobuf's wire format: no message objects in between, and nothing is looked at twice.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NoReturn

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from google.protobuf.message import Message

from groundtrace_collector.errors import DecodeError
from groundtrace_collector.gate.frame import varint

DEEPEST: Final = 100  # as far as protobuf itself follows messages in messages
_HEX_IDS: Final = frozenset(
    {"trace_id", "span_id", "parent_span_id"}
)  # where OTLP differs from proto3's JSON
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_SHORT_LENGTHS: Final = [bytes([length]) for length in range(128)]
_NUMBERS_BY_NAME: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

Encode = Callable[[Any, int], bytes]
"""A JSON value, and how deep it lies, as it follows its field's tag on the wire."""


class _Mistake(Exception):  # noqa: N818  (never leaves this module)
    """What is wrong with a value; the way to it is put together on the way out."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.steps: list[str] = []


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of a JSON object: its protobuf tag and how its value is written."""

    tag: bytes
    encode: Encode
    repeated: bool
    choice: bool


@dataclass(frozen=True, slots=True)
class _Shape:
    """A message: its members by their JSON names. It is filled after it is made, for messages hold each other."""

    members: dict[str, _Member] = field(default_factory=dict)

    def encode(self, value: Any, depth: int) -> bytes:
        """The message's bytes, behind their length."""
        return _behind_length(self.body(value, depth))

    def body(self, value: Any, depth: int) -> bytes:
        """The message's bytes. Members that it does not have are ignored, null is a member left out."""
        if not isinstance(value, dict):
            _refuse(value, "an object")
        if depth > DEEPEST:
            raise _Mistake(f"is nested deeper than {DEEPEST} messages")
        parts: list[bytes] = []
        chosen, name = "", ""
        try:
            for name, item in value.items():
                member = self.members.get(name)
                if member is None or item is None:
                    continue
                if member.repeated:
                    _write_each(parts, member, item, depth + 1)
                    continue
                if member.choice:
                    chosen = _only(name, chosen)
                parts.append(member.tag)
                parts.append(member.encode(item, depth + 1))
        except _Mistake as mistake:
            mistake.steps.append(f".{name}")
            raise
        return b"".join(parts)


def to_protobuf(body: bytes, message: type[Message]) -> bytes:
    """The bytes of a ``message`` that says what the OTLP/JSON ``body`` says.

    As OTLP has it: lowerCamelCase names, ids in hex, enums as numbers, 64-bit integers as text or numbers;
    unknown names are ignored. Raises DecodeError that names the place and the value of a mistake.

    Source: OTLP 1.x, "JSON Protobuf Encoding"; the proto3 JSON mapping.
    """
    try:
        value = json.loads(body.decode(), parse_constant=_no_constant)
        return _shape_of(message.DESCRIPTOR).body(value, 1)
    except UnicodeDecodeError as error:
        raise DecodeError(f"the body is not UTF-8: byte {error.start} is {body[error.start]:#04x}") from error
    except json.JSONDecodeError as error:
        raise DecodeError(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise DecodeError("the body is nested deeper than JSON is read") from error
    except ValueError as error:  # a number of thousands of digits
        raise DecodeError(f"the body is not JSON: {error}") from error
    except _Mistake as mistake:
        where = "".join(reversed(mistake.steps)).lstrip(".") or "the body"
        raise DecodeError(
            f"the body is not an {message.DESCRIPTOR.name}: {where} {mistake.message}"
        ) from mistake


def _write_each(parts: list[bytes], member: _Member, items: Any, depth: int) -> None:
    if not isinstance(items, list):
        _refuse(items, "an array")
    index = 0
    try:
        for index, item in enumerate(items):  # noqa: B007  (told where a mistake is)
            parts.append(member.tag)
            parts.append(member.encode(item, depth))
    except _Mistake as mistake:
        mistake.steps.append(f"[{index}]")
        raise


def _only(name: str, chosen: str) -> str:
    """The one member of a choice that is set."""
    if chosen:
        raise _Mistake(f"cannot be set beside {chosen}: send one of them")
    return name


def _behind_length(data: bytes) -> bytes:
    return (_SHORT_LENGTHS[len(data)] if len(data) < 128 else varint(len(data))) + data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number: send it as a string")


def _refuse(value: Any, wanted: str) -> NoReturn:
    text = json.dumps(value)
    raise _Mistake(f"must be {wanted}, got {text if len(text) <= 60 else text[:60] + '…'}")


@cache
def _shape_of(descriptor: Descriptor) -> _Shape:
    return _shape(descriptor, {})


def _shape(descriptor: Descriptor, known: dict[str, _Shape]) -> _Shape:
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    shape = known[descriptor.full_name] = _Shape()
    plain = DescriptorProto()
    descriptor.CopyToProto(plain)  # says what is repeated alike in every version of protobuf
    for one, its_plain in zip(descriptor.fields, plain.field, strict=True):
        wire_type, encode = _encoder(one, known)
        shape.members[one.json_name] = _Member(
            tag=varint(one.number << 3 | wire_type),
            encode=encode,
            repeated=its_plain.label == FieldDescriptorProto.LABEL_REPEATED,
            choice=one.containing_oneof is not None,
        )
    return shape


def _encoder(one: FieldDescriptor, known: dict[str, _Shape]) -> tuple[int, Encode]:
    """The wire type of a field and what writes its values."""
    if one.message_type is not None:
        return _BYTES, _shape(one.message_type, known).encode
    if one.enum_type is not None:
        return _VARINT, _enum(one.enum_type)
    if one.name in _HEX_IDS:
        return _BYTES, _hex
    return _SCALARS[one.type]


def _whole(least: int, most: int, write: Callable[[int], bytes]) -> Encode:
    """What writes whole numbers in a range; a number, or its digits as text."""

    def encode(value: Any, _depth: int) -> bytes:
        is_digits = isinstance(value, str) and _INTEGER.fullmatch(value)
        number = int(value) if is_digits or (isinstance(value, float) and value.is_integer()) else value
        if type(number) is not int or not least <= number <= most:
            _refuse(value, f"a whole number from {least} to {most}")
        return write(number)

    return encode


def _signed(number: int) -> bytes:
    return varint(number & 0xFFFF_FFFF_FFFF_FFFF)


def _enum(enum: EnumDescriptor) -> Encode:
    """What writes an enum's numbers. OTLP has nothing else; other writers of protobuf's JSON send its names."""
    numbers = {value.name: value.number for value in enum.values}
    of_number = _SCALARS[FieldDescriptor.TYPE_INT32][1]

    def encode(value: Any, depth: int) -> bytes:
        return of_number(numbers.get(value, value) if isinstance(value, str) else value, depth)

    return encode


def _bool(value: Any, _depth: int) -> bytes:
    if not isinstance(value, bool):
        _refuse(value, "true or false")
    return b"\x01" if value else b"\x00"


def _double(value: Any, _depth: int) -> bytes:
    number = value
    if isinstance(value, str):
        number = _NUMBERS_BY_NAME[value] if value in _NUMBERS_BY_NAME else _parsed(value)
    if type(number) is int:
        number = _of_integer(number)
    if not isinstance(number, float):
        _refuse(value, "a number")
    return struct.pack("<d", number)


def _parsed(text: str) -> float | None:
    try:
        return float(json.loads(text, parse_constant=_no_constant))
    except (ValueError, TypeError, OverflowError):
        return None


def _of_integer(number: int) -> float | None:
    try:
        return float(number)
    except OverflowError:
        return None


def _string(value: Any, _depth: int) -> bytes:
    if not isinstance(value, str):
        _refuse(value, "a string")
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise _Mistake(f"has half a surrogate pair at character {error.start}") from error
    return _behind_length(data)


def _hex(value: Any, _depth: int) -> bytes:
    try:
        data = binascii.unhexlify(value)
    except (TypeError, ValueError):
        _refuse(value, "an id in hex")
    return _behind_length(data)


def _base64(value: Any, _depth: int) -> bytes:
    try:
        text = value.rstrip("=").replace("-", "+").replace("_", "/")
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (AttributeError, ValueError):
        _refuse(value, "bytes in base64")
    return _behind_length(data)


_SCALARS: Final[dict[int, tuple[int, Encode]]] = {
    FieldDescriptor.TYPE_BOOL: (_VARINT, _bool),
    FieldDescriptor.TYPE_BYTES: (_BYTES, _base64),
    FieldDescriptor.TYPE_STRING: (_BYTES, _string),
    FieldDescriptor.TYPE_DOUBLE: (_FIXED64, _double),
    FieldDescriptor.TYPE_FIXED64: (_FIXED64, _whole(0, 2**64 - 1, struct.Struct("<Q").pack)),
    FieldDescriptor.TYPE_FIXED32: (_FIXED32, _whole(0, 2**32 - 1, struct.Struct("<I").pack)),
    FieldDescriptor.TYPE_UINT32: (_VARINT, _whole(0, 2**32 - 1, varint)),
    FieldDescriptor.TYPE_INT32: (_VARINT, _whole(-(2**31), 2**31 - 1, _signed)),
    FieldDescriptor.TYPE_INT64: (_VARINT, _whole(-(2**63), 2**63 - 1, _signed)),
}
"""The types of field that OTLP has, each with its wire type."""
