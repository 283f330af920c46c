"""The gate: what is not an OTLP trace request is refused here, before any of it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError

from groundtrace_collector.errors import DecodeError
from groundtrace_collector.gate.detector import build_detector
from groundtrace_collector.gate.rewrite import rewrite

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
_NS_PER_DAY = 86_400 * 10**9

_Detector = build_detector()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a span may be: its start between two instants, its attribute values up to a length."""

    earliest_ns: int
    latest_ns: int
    attribute_bytes: int

    @classmethod
    def at(cls, now_ns: int, *, retention_days: int, attribute_bytes: int) -> Limits:
        """The limits at an instant: a span as old as the retention is refused, so is one from after tomorrow."""
        earliest = now_ns - retention_days * _NS_PER_DAY
        return cls(earliest_ns=earliest, latest_ns=now_ns + _NS_PER_DAY, attribute_bytes=attribute_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRequest:
    """A request that ClickHouse decodes: its bytes, how many spans they hold, and what was refused and why."""

    body: bytes
    spans: int
    refused: int = 0
    reason: str = ""
    faults: Mapping[str, int] = field(default_factory=dict)
    """How many spans were refused for which reason; the reasons are few."""


def check(body: bytes, limits: Limits) -> CheckedRequest:
    """Validate an ExportTraceServiceRequest's bytes; nested and overlong values are rewritten.

    Spans with ids of a wrong length, and spans from outside the limits, are left out and counted.
    Raises DecodeError when the bytes are not such a request.
    """
    try:
        request = _Detector.FromString(body)
    except ProtobufError as error:
        raise DecodeError(f"the body is not an ExportTraceServiceRequest: {error}") from error
    spans, reasons = _count(request, limits)
    if request.IsInitialized() and not reasons and not _is_overlong(request, body, limits):
        return CheckedRequest(body=body, spans=spans)
    try:
        rewritten = rewrite(
            body,
            attribute_bytes=limits.attribute_bytes,
            keep=lambda span: _fault_of_official(span, limits) is None,
        )
    except ProtobufError as error:  # nested deeper than protobuf follows
        raise DecodeError(f"the body is not an ExportTraceServiceRequest: {error}") from error
    refused = sum(reasons.values())
    return CheckedRequest(
        body=rewritten,
        spans=spans - refused,
        refused=refused,
        reason=_sentence(reasons),
        faults=dict(reasons),
    )


def _count(request: Any, limits: Limits) -> tuple[int, Counter[str]]:
    """How many spans there are, and how many of them have which fault."""
    count = 0
    faults: Counter[str] = Counter()
    earliest, latest = limits.earliest_ns, limits.latest_ns
    for resource_spans in request.t:
        for scope_spans in resource_spans.q:
            spans = scope_spans.s
            count += len(spans)
            for span in spans:
                # One test for the many; which fault it is matters to the few only.
                if (
                    earliest <= span.b <= latest
                    and len(span.s) == SPAN_ID_BYTES
                    and len(span.t) == TRACE_ID_BYTES
                ):
                    continue
                fault = _fault(span.t, span.s, span.b, limits)
                if fault is not None:
                    faults[fault] += 1
    return count, faults


def _fault(trace_id: bytes, span_id: bytes, start_ns: int, limits: Limits) -> str | None:
    if len(trace_id) != TRACE_ID_BYTES:
        return f"a trace id is {TRACE_ID_BYTES} bytes"
    if len(span_id) != SPAN_ID_BYTES:
        return f"a span id is {SPAN_ID_BYTES} bytes"
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


def _sentence(faults: Counter[str]) -> str:
    return "; ".join(f"{count} refused: {fault}" for fault, count in sorted(faults.items()))
