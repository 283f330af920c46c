"""`gen_ai.evaluation.result` events as scores: which log records are scores, and what they say. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from groundtrace_collector.gate.bound import PROJECT_ATTRIBUTE

EVENT: Final = "gen_ai.evaluation.result"
_NAME, _SCORE = "gen_ai.evaluation.name", "gen_ai.evaluation.score.value"
_LABEL, _EXPLANATION = "gen_ai.evaluation.score.label", "gen_ai.evaluation.explanation"
_ERROR = "error.type"
_MOST_REASONS: Final = 10  # a reason may name the value, and each record may have its own
_NOT_KEPT: Final = f"only {EVENT} events are kept, as scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluations:
    """The scores in a request, as the API takes them, and how many records were no scores, and why."""

    scores: list[dict[str, Any]]
    refused: Counter[str]


def evaluations_in(request: ExportLogsServiceRequest, project: str | None) -> Evaluations:
    """The scores of a request; for a sender bound to ``project`` those of another one are refused."""
    found = Evaluations(scores=[], refused=Counter())
    for resource_logs in request.resource_logs:
        named = _attributes(resource_logs.resource.attributes).get(PROJECT_ATTRIBUTE, "")
        records = [record for scope in resource_logs.scope_logs for record in scope.log_records]
        if project is not None and named not in {"", project}:
            reason = f"{PROJECT_ATTRIBUTE} is {named!r:.100}, and the key is bound to {project!r}"
            found.refused[reason] += len(records)
            continue
        for record in records:
            attributes = _attributes(record.attributes)
            if EVENT in {record.event_name, attributes.get("event.name")}:
                found.scores.append(_score(record, attributes))
            else:
                found.refused[_NOT_KEPT] += 1
    return found


def sentence(refused: Counter[str]) -> str:
    """What was refused, and why, in one line; of many reasons the commonest."""
    told = refused.most_common(_MOST_REASONS)
    rest = refused.total() - sum(count for _, count in told)
    reasons = [f"{count} refused: {reason}" for reason, count in told]
    return "; ".join([*reasons, f"{rest} refused for other reasons"] if rest else reasons)


def _score(record: LogRecord, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A record as an item of `POST /api/v1/scores`, which says what is wrong with it."""
    item: dict[str, Any] = {
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex() or None,
        "name": attributes.get(_NAME),
        "score": attributes.get(_SCORE),
        "label": attributes.get(_LABEL),
        "explanation": attributes.get(_EXPLANATION),
    }
    if _ERROR in attributes and item["score"] is None and item["label"] is None:
        item["status"] = "error"
        item["explanation"] = item["explanation"] or str(attributes[_ERROR])
    return item


def _attributes(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """The scalar attributes; of a key that is there twice the first counts."""
    found: dict[str, Any] = {}
    for attribute in attributes:
        member = attribute.value.WhichOneof("value")
        if member in {"string_value", "int_value", "double_value", "bool_value"}:
            found.setdefault(attribute.key, getattr(attribute.value, member))
    return found
