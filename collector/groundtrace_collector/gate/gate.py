"""The gate: what is not an OTLP trace request is refused here, before any of it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import EncodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.errors import DecodeError
from groundtrace_collector.gate.detector import build_detector
from groundtrace_collector.gate.items import check_items
from groundtrace_collector.gate.rewrite import CUT_SHORT, LEFT_OUT, canonicalise, rewrite

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
_NO_TRACE, _NO_SPAN = bytes(TRACE_ID_BYTES), bytes(SPAN_ID_BYTES)
_NS_PER_DAY = 86_400 * 10**9
_LOOKS_LIKE = (
    (b"{", "it looks like JSON: send Content-Type: application/json"),
    (b"\x1f\x8b", "it looks like gzip: send Content-Encoding: gzip"),
    (b"\x28\xb5\x2f\xfd", "it looks like zstd: send Content-Encoding: zstd"),
)

_Detector = build_detector()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is taken: spans that start between two instants, so many attributes of so many bytes, so many items."""

    earliest_ns: int
    latest_ns: int
    attribute_bytes: int
    attribute_count: int
    request_items: int

    @classmethod
    def at(
        cls,
        now_ns: int,
        *,
        retention_days: int,
        attribute_bytes: int,
        attribute_count: int,
        request_items: int,
    ) -> Limits:
        """The limits at an instant: a span as old as the retention is refused, so is one from after tomorrow."""
        return cls(
            earliest_ns=now_ns - retention_days * _NS_PER_DAY,
            latest_ns=now_ns + _NS_PER_DAY,
            attribute_bytes=attribute_bytes,
            attribute_count=attribute_count,
            request_items=request_items,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRequest:
    """A request that ClickHouse decodes: its bytes, how many spans they hold, and what was refused and why."""

    body: bytes
    spans: int
    refused: int = 0
    reason: str = ""
    """What was refused or cut, for the sender; empty where all was kept."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """How many spans were refused for which reason; the reasons are few."""
    cuts: Mapping[str, int] = field(default_factory=dict)
    """How many attributes were cut or left out for which reason; their spans are kept."""


def check(body: bytes, limits: Limits) -> CheckedRequest:
    """Validate an ExportTraceServiceRequest's bytes; nested and overlong values are rewritten.

    Spans with ids of a wrong length, and spans from outside the limits, are left out and counted; so are
    attributes beyond the limits. Raises DecodeError when the bytes are not such a request, TooLargeError
    when it has more items than are taken.
    """
    check_items(body, ExportTraceServiceRequest, most=limits.request_items)
    try:
        request = _Detector.FromString(body)
        spans, faults, is_crowded = _count(request, limits)
        written = _written(request)
        if written is None or faults or is_crowded or _is_overlong(request, body, limits):
            return _made_over(body, spans, faults, limits)
        # What protobuf would write otherwise, ClickHouse may read otherwise: it takes a text given twice for none.
        return CheckedRequest(body=body if written == body else canonicalise(body), spans=spans)
    except (
        ProtobufError
    ) as error:  # also one in a nested value, or of one nested deeper than protobuf follows
        raise undecodable(body, ExportTraceServiceRequest, error) from error


def undecodable(body: bytes, message: type[Message], error: ProtobufError | EncodeError) -> DecodeError:
    """What to raise for bytes that are no ``message``: what protobuf says, and what they look like instead."""
    seems = next((f"; {what}" for start, what in _LOOKS_LIKE if body.startswith(start)), "")
    said = str(error).rpartition("': ")[2]
    return DecodeError(f"the body is not an {message.DESCRIPTOR.name}: {said}{seems}")


def _written(request: Any) -> bytes | None:
    """The request as protobuf writes it; None where it has containers that the store's schema cannot hold."""
    # A known field of a wrong wire type is an unknown one to protobuf, and a new value to ClickHouse.
    request.DiscardUnknownFields()
    try:
        return bytes(request.SerializeToString())
    except EncodeError:
        return None


def _made_over(body: bytes, spans: int, faults: Counter[str], limits: Limits) -> CheckedRequest:
    made = rewrite(
        body,
        attribute_bytes=limits.attribute_bytes,
        attribute_count=limits.attribute_count,
        keep=lambda span: _fault_of_official(span, limits) is None,
    )
    refused = faults.total()
    return CheckedRequest(
        body=made.body,
        spans=spans - refused,
        refused=refused,
        reason=_sentence(faults, made.cuts, limits),
        faults=dict(faults),
        cuts=dict(made.cuts),
    )


def _count(request: Any, limits: Limits) -> tuple[int, Counter[str], bool]:
    """How many spans there are, how many of them have which fault, and whether something has too many attributes."""
    count = 0
    faults: Counter[str] = Counter()
    is_crowded = False
    earliest, latest, most = limits.earliest_ns, limits.latest_ns, limits.attribute_count
    for resource_spans in request.t:
        is_crowded |= len(resource_spans.r.a) > most
        for scope_spans in resource_spans.q:
            is_crowded |= len(scope_spans.c.a) > most
            spans = scope_spans.s
            count += len(spans)
            for span in spans:
                # One test for the many; what is the matter is looked at for the few only.
                if (
                    earliest <= span.b <= latest
                    and len(span_id := span.s) == SPAN_ID_BYTES
                    and len(trace_id := span.t) == TRACE_ID_BYTES
                    and span_id != _NO_SPAN
                    and trace_id != _NO_TRACE
                    and len(span.a) <= most
                ):
                    continue
                fault = _fault(span.t, span.s, span.b, limits)
                if fault is not None:
                    faults[fault] += 1
                is_crowded |= len(span.a) > most
    return count, faults, is_crowded


def _fault(trace_id: bytes, span_id: bytes, start_ns: int, limits: Limits) -> str | None:
    if len(trace_id) != TRACE_ID_BYTES or trace_id == _NO_TRACE:
        return f"a trace id is {TRACE_ID_BYTES} bytes, not all zero"
    if len(span_id) != SPAN_ID_BYTES or span_id == _NO_SPAN:
        return f"a span id is {SPAN_ID_BYTES} bytes, not all zero"
    if start_ns < limits.earliest_ns:
        return "the span is older than the retention"
    if start_ns > limits.latest_ns:
        return "the span starts more than a day ahead of this server's clock"
    return None


def _fault_of_official(span: Any, limits: Limits) -> str | None:
    return _fault(span.trace_id, span.span_id, span.start_time_unix_nano, limits)


def _is_overlong(request: Any, body: bytes, limits: Limits) -> bool:
    """Whether some value may be too long: looked at only in requests that are longer than a value may be."""
    if len(body) <= limits.attribute_bytes:
        return False
    return any(
        part.ByteSize() > limits.attribute_bytes
        for resource_spans in request.t
        for part in (resource_spans.r, *(s for q in resource_spans.q for s in (q.c, *q.s)))
    )


def _sentence(faults: Counter[str], cuts: Counter[str], limits: Limits) -> str:
    words = {
        CUT_SHORT: f"attribute values of more than {limits.attribute_bytes} bytes were cut",
        LEFT_OUT: f"attributes were left out: a span, scope or resource keeps {limits.attribute_count}",
    }
    return "; ".join(
        [f"{count} refused: {fault}" for fault, count in sorted(faults.items())]
        + [f"{count} {words[cut]}" for cut, count in sorted(cuts.items())]
    )
