"""What HTTP and gRPC have in common: a request's bytes through the gate and into the store."""

from __future__ import annotations

import time
from dataclasses import replace

from groundtrace_collector.access.caller import Caller
from groundtrace_collector.collector import Collector
from groundtrace_collector.gate.bound import only_of
from groundtrace_collector.gate.gate import CheckedRequest, Limits, check
from groundtrace_collector.metrics import OTHER_PROJECT


async def take_spans(collector: Collector, body: bytes, caller: Caller) -> CheckedRequest:
    """Store an ExportTraceServiceRequest; returns when it is durable, with what was refused and why.

    A bound caller decides the project; its spans that name another are refused. Raises DecodeError for
    other bytes, and as `CommitQueue.submit`.
    """
    config = collector.config
    others, reason = 0, ""
    if caller.project is not None:
        body, others, reason = only_of(body, caller.project, most_items=config.request_items)
    limits = Limits.at(
        time.time_ns(),
        retention_days=config.retention_days,
        attribute_bytes=config.attribute_bytes,
        attribute_count=config.attribute_count,
        request_items=config.request_items,
    )
    checked = check(body, limits)
    await collector.commits.submit(checked, project=caller.project or "")
    collector.metrics.spans(checked.spans, {**checked.faults, **({OTHER_PROJECT: others} if others else {})})
    collector.metrics.attributes_cut(checked.cuts)
    if not others:
        return checked
    reasons = "; ".join(filter(None, (reason, checked.reason)))
    return replace(checked, refused=checked.refused + others, reason=reasons)
