"""What a worker did, as spans: one trace a batch in groundtrace's own project, one EVALUATOR span a call. Pure."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus

from groundtrace_collector.jobs.job import INTERNAL_PROJECT
from groundtrace_collector.jobs.protocol import CaseMessage, ScoreMessage
from groundtrace_evaluators.score import Status

EVALUATED_PROJECT: Final = "groundtrace.evaluated.project"
EVALUATED_TRACE_ID: Final = "groundtrace.evaluated.trace_id"
EVALUATED_SPAN_ID: Final = "groundtrace.evaluated.span_id"
EVALUATOR_VERSION: Final = "groundtrace.evaluator.version"
EVALUATION_STATUS: Final = "groundtrace.evaluation.status"

_SOUND: Final = frozenset({Status.OK, Status.SKIPPED, Status.ABSTAINED, Status.NO_CLAIMS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One call of an evaluator: on what, what came of it, and when (nanoseconds since 1970)."""

    case: CaseMessage
    score: ScoreMessage
    began_ns: int
    ended_ns: int
    tokens_in: int = 0
    tokens_out: int = 0


def evaluations_request(evaluations: Sequence[Evaluation], *, worker: str) -> bytes:
    """An OTLP request with a batch's trace; there is at least one evaluation."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(
        _attributes({"service.name": "groundtrace worker", "openinference.project.name": INTERNAL_PROJECT})
    )
    spans = group.scope_spans.add().spans
    trace_id, root_id = secrets.token_bytes(16), secrets.token_bytes(8)
    root = spans.add(trace_id=trace_id, span_id=root_id, name="evaluate")
    root.start_time_unix_nano = evaluations[0].began_ns
    root.end_time_unix_nano = evaluations[-1].ended_ns
    root.attributes.extend(_attributes({"openinference.span.kind": "CHAIN", "groundtrace.worker": worker}))
    for each in evaluations:
        _fill(spans.add(trace_id=trace_id, span_id=secrets.token_bytes(8), parent_span_id=root_id), each)
    return request.SerializeToString()


def _fill(span: Span, evaluation: Evaluation) -> None:
    case, score = evaluation.case, evaluation.score
    span.name = score.name
    span.start_time_unix_nano, span.end_time_unix_nano = evaluation.began_ns, evaluation.ended_ns
    if score.status not in _SOUND:
        span.status.code = SpanStatus.STATUS_CODE_ERROR
        span.status.message = score.explanation or score.status.value
    values: dict[str, str | float | int | None] = {
        "openinference.span.kind": "EVALUATOR",
        "gen_ai.evaluation.name": score.name,
        "gen_ai.evaluation.score.value": score.score,
        "gen_ai.evaluation.score.label": score.label,
        EVALUATOR_VERSION: score.version,
        EVALUATION_STATUS: score.status.value,
        EVALUATED_PROJECT: case.project,
        EVALUATED_TRACE_ID: case.trace_id,
        EVALUATED_SPAN_ID: case.span_id or None,
        "llm.cost.total": score.cost_usd or None,
        "llm.token_count.prompt": evaluation.tokens_in or None,
        "llm.token_count.completion": evaluation.tokens_out or None,
    }
    span.attributes.extend(_attributes(values))


def _attributes(values: Mapping[str, str | float | int | None]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items() if value is not None]


def _value(value: str | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)
