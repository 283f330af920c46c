"""Spans that name another project than the one that their sender's key is bound to are refused."""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from groundtrace_collector.gate.frame import varint
from groundtrace_collector.gate.items import check_items

PROJECT_ATTRIBUTE: Final = "openinference.project.name"
_NAME: Final = PROJECT_ATTRIBUTE.encode()
_VALUE_TAG, _STRING_TAG = b"\x12", b"\x0a"


def only_of(body: bytes, project: str, *, most_items: int) -> tuple[bytes, int, str]:
    """A request's bytes without the spans of other projects, how many were left out, and why.

    Bytes that are no ExportTraceServiceRequest are returned as they are: the gate refuses them. Raises
    TooLargeError, as the gate does, for a request of more than ``most_items`` items.
    """
    if _names_only(body, project):
        return body, 0, ""
    check_items(body, ExportTraceServiceRequest, most=most_items)
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except ProtobufError:
        return body, 0, ""
    refused, others = _leave_out(request, project)
    if not refused:
        return body, 0, ""
    named = ", ".join(repr(other[:100]) for other in sorted(others)[:3])
    reason = f"{refused} refused: {PROJECT_ATTRIBUTE} is {named}, and the key is bound to {project!r}"
    return request.SerializeToString(), refused, reason


def _names_only(body: bytes, project: str) -> bool:
    """Whether each mention of the attribute's name is followed by ``project``, as senders write it.

    A quick look that spares nearly every request the walk. What it lets pass wrongly does no harm: a bound
    key's spans are stored under its project whatever they say.
    """
    name = project.encode()
    text = _STRING_TAG + varint(len(name)) + name
    wanted = _VALUE_TAG + varint(len(text)) + text
    at = body.find(_NAME)
    while at >= 0:
        at += len(_NAME)
        if not body.startswith(wanted, at):
            return False
        at = body.find(_NAME, at)
    return True


def _leave_out(request: ExportTraceServiceRequest, project: str) -> tuple[int, set[str]]:
    refused = 0
    others: set[str] = set()
    for resource_spans in request.resource_spans:
        of_resource = _named(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            refused += _drop(scope_spans.spans, project, of_resource, others)
    return refused, others


def _drop(spans: MutableSequence[Span], project: str, of_resource: str, others: set[str]) -> int:
    refused = 0
    for index in range(len(spans) - 1, -1, -1):
        named = _named(spans[index].attributes) or of_resource  # the span's own word stands
        if named not in {"", project}:
            others.add(named)
            del spans[index]
            refused += 1
    return refused


def _named(attributes: Iterable[KeyValue]) -> str:
    named = (each.value.string_value for each in attributes if each.key == PROJECT_ATTRIBUTE)
    return next(filter(None, named), "")
