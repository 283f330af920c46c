"""One C parse that validates a request and tells whether ClickHouse could decode it as it is.

The descriptor is wire-compatible with OTLP's ExportTraceServiceRequest, with one difference: every container
that the store's schema cannot hold (key-value lists, arrays in arrays, arrays on events, links and scopes)
is a message with one required field that no sender sets. upb then parses and validates UTF-8 as it would the
real class, and `SerializeToString()` raises EncodeError exactly when such a container occurs: no walk in Python.

Fields have OTLP's numbers; their names are one letter, as in store/otlp.proto.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "int64": _Field.TYPE_INT64,
    "double": _Field.TYPE_DOUBLE,
    "uint32": _Field.TYPE_UINT32,
    "int32": _Field.TYPE_INT32,
    "fixed64": _Field.TYPE_FIXED64,
    "fixed32": _Field.TYPE_FIXED32,
}
_NEVER_SENT = 536_870_911  # the largest field number there is

# message: field: (number, type); a type in brackets is repeated, `oneof` makes all fields one choice.
_VALUE = {
    "s": (1, "string"), "b": (2, "bool"), "i": (3, "int64"), "d": (4, "double"), "y": (7, "bytes"),
}  # fmt: skip
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Forbidden": {"r": (_NEVER_SENT, "bool")},
    "Leaf": {"oneof": (0, ""), **_VALUE, "a": (5, "Forbidden"), "k": (6, "Forbidden")},
    "Array": {"v": (1, "[Leaf]")},
    "Value": {"oneof": (0, ""), **_VALUE, "a": (5, "Array"), "k": (6, "Forbidden")},
    "Attribute": {"k": (1, "string"), "v": (2, "Value")},
    "FlatAttribute": {"k": (1, "string"), "v": (2, "Leaf")},
    "Resource": {"a": (1, "[Attribute]"), "d": (2, "uint32")},
    "Scope": {"n": (1, "string"), "v": (2, "string"), "a": (3, "[FlatAttribute]"), "d": (4, "uint32")},
    "Status": {"m": (2, "string"), "c": (3, "int32")},
    "Event": {"t": (1, "fixed64"), "n": (2, "string"), "a": (3, "[FlatAttribute]"), "q": (4, "uint32")},
    "Link": {
        "t": (1, "bytes"), "s": (2, "bytes"), "w": (3, "string"), "a": (4, "[FlatAttribute]"),
        "q": (5, "uint32"), "f": (6, "fixed32"),
    },
    "Span": {
        "t": (1, "bytes"), "s": (2, "bytes"), "w": (3, "string"), "p": (4, "bytes"), "n": (5, "string"),
        "k": (6, "int32"), "b": (7, "fixed64"), "e": (8, "fixed64"), "a": (9, "[Attribute]"),
        "da": (10, "uint32"), "x": (11, "[Event]"), "de": (12, "uint32"), "l": (13, "[Link]"),
        "dl": (14, "uint32"), "u": (15, "Status"), "f": (16, "fixed32"),
    },
    "ScopeSpans": {"c": (1, "Scope"), "s": (2, "[Span]"), "u": (3, "string")},
    "ResourceSpans": {"r": (1, "Resource"), "q": (2, "[ScopeSpans]"), "u": (3, "string")},
    "Request": {"t": (1, "[ResourceSpans]")},
}  # fmt: skip


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="groundtrace/gate.proto",
        package="groundtrace.gate",
        syntax="editions",
        edition=descriptor_pb2.EDITION_2023,
    )
    file.options.features.utf8_validation = descriptor_pb2.FeatureSet.VERIFY
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        choice = "oneof" in fields
        if choice:
            message.oneof_decl.add(name="w")
        for field, (number, kind) in fields.items():
            if field != "oneof":
                _add_field(message, field, number, kind, choice=choice)
    required = file.message_type[0].field[0].options.features
    required.field_presence = descriptor_pb2.FeatureSet.LEGACY_REQUIRED
    return file


def _add_field(
    message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str, *, choice: bool
) -> None:
    label = _Field.LABEL_REPEATED if kind.startswith("[") else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    kind = kind.strip("[]")
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".groundtrace.gate.{kind}"
    if choice:
        field.oneof_index = 0


def build_detector() -> Any:
    """The detector's message class: parse with `FromString`, then write with `SerializeToString`."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("groundtrace.gate.Request"))
