"""How many items a request holds: a small body may hold millions of empty ones, which cost gigabytes.

An item is whatever a message holds any number of: a group of spans, a span, an event, a link, an attribute of
any of them, an element of an attribute's array. Parsed, each takes 50 to 250 bytes, so they are counted on the
wire before anything parses the request: first by its length, then by a bound that C finds, and only what may
still hold too many by a walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from google.protobuf.message import Message

from groundtrace_collector.errors import TooLargeError
from groundtrace_collector.gate.frame import varint

_LEAST_BYTES: Final = 2  # of an item on the wire: a tag and a length of 0
_FIELDS_AN_ITEM: Final = 4  # where there are more, looking at them takes too long, whatever they are
_BRACKETS_AN_ITEM: Final = 2  # an attribute is an object, its value another
_DEEPEST: Final = 100  # protobuf follows no deeper
_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = range(6)  # wire types
_NUMBER_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}


@dataclass(eq=False, slots=True)
class _Shape:
    """A message: by a field's tag on the wire, what is in it, and 1 where it is an item. Filled after it is made."""

    fields: dict[int, tuple[_Shape, int]] = field(default_factory=dict)


_FLAT: Final = _Shape()


def check_items(body: bytes, message: type[Message], *, most: int) -> None:
    """Refuse the bytes of a ``message`` that holds more than ``most`` items, without parsing them.

    Bytes that are no such message pass: their parser gets no further than this did. Raises TooLargeError.
    """
    if len(body) <= most * _LEAST_BYTES:
        return
    shape, marks = _wire_of(message.DESCRIPTOR)
    if len(body) - len(body.translate(None, marks)) > most and _holds_more(body, shape, most):
        raise TooLargeError(
            f"the request holds more than {most} spans, events, attributes and array elements, "
            f"or {most * _FIELDS_AN_ITEM} fields: send it in parts"
        )


def check_json_items(body: bytes, *, most: int) -> None:
    """Refuse JSON of so many objects and arrays that it holds more than ``most`` items, without parsing it.

    Brackets in texts count too: there are not as many in what people write. Raises TooLargeError.
    """
    brackets = most * _BRACKETS_AN_ITEM
    if len(body) > brackets and body.count(b"{") + body.count(b"[") > brackets:
        raise TooLargeError(f"the JSON body holds more than {brackets} objects and arrays: send it in parts")


def _holds_more(body: bytes, shape: _Shape, items: int) -> bool:
    """Whether there are more than ``items`` items, or too many fields, up to where the wire format is broken."""
    try:
        return _is_beyond(body, shape, items)
    except LookupError:  # ended too soon, or of no known type
        return False


def _is_beyond(body: bytes, shape: _Shape, items: int) -> bool:  # noqa: C901
    # One loop that calls next to nothing: it may see millions of fields.
    known, left, at, end = shape.fields, items * _FIELDS_AN_ITEM, 0, len(body)
    outer: list[tuple[int, dict[int, tuple[_Shape, int]]]] = []
    while items >= 0 and left >= 0:
        if at >= end:
            if not outer:
                return False
            end, known = outer.pop()
            continue
        left -= 1
        tag = body[at]
        at += 1
        if tag >= 0x80:
            tag, at = _varint(body, at - 1)
        wire_type = tag & 7
        if wire_type == _BYTES:
            length = body[at]
            at += 1
            if length >= 0x80:
                length, at = _varint(body, at - 1)
            if tag in known:
                within, is_item = known[tag]
                items -= is_item
                if length and within.fields and len(outer) < _DEEPEST:
                    outer.append((end, known))
                    known, end = within.fields, at + length
                    continue
            at += length
        elif wire_type == _VARINT:
            while body[at] >= 0x80:
                at += 1
            at += 1
        elif wire_type == _GROUP and len(outer) < _DEEPEST:  # protobuf skips it, whatever is in it
            outer.append((end, known))
            known = {}
        elif wire_type == _GROUP_END:
            end, known = outer.pop()
        else:
            at += _NUMBER_BYTES[wire_type]
    return True


def _varint(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


@cache
def _wire_of(descriptor: Descriptor) -> tuple[_Shape, bytes]:
    """A message's shape, and the bytes of which each item on the wire has one: its tag's last, however long."""
    shapes: dict[str, _Shape] = {}
    shape = _shape(descriptor, shapes)
    tags = {tag for each in shapes.values() for tag, (_, is_item) in each.fields.items() if is_item}
    return shape, bytes({0, *(varint(tag)[-1] for tag in tags)})


def _shape(descriptor: Descriptor, known: dict[str, _Shape]) -> _Shape:
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    shape = known[descriptor.full_name] = _Shape()
    plain = DescriptorProto()
    descriptor.CopyToProto(plain)  # says what is repeated alike in every version of protobuf
    for one, its_plain in zip(descriptor.fields, plain.field, strict=True):
        is_item = its_plain.label == FieldDescriptorProto.LABEL_REPEATED
        if one.message_type is not None or is_item:
            within = _shape(one.message_type, known) if one.message_type is not None else _FLAT
            shape.fields[one.number << 3 | _BYTES] = within, int(is_item)
    return shape
