"""Rows of the store as the JSON of the API (DESIGN section 3). Pure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.times import iso_time, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_SPAN_STATUS = {"Ok": "ok", "STATUS_CODE_OK": "ok", "Error": "error", "STATUS_CODE_ERROR": "error"}


def listed_trace(row: Mapping[str, Any], scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A trace as lists show it; text that a trace has not is null."""
    return {
        "trace_id": row["TraceId"],
        "started_at": iso_time(row["StartedNs"]),
        "duration_ms": row["DurationNs"] / 1e6,
        "name": row["Name"],
        "project": row["Project"],
        "service": row["Service"],
        "status": row["Status"],
        "incomplete": bool(row["Incomplete"]),
        "spans_count": row["SpanCount"],
        "session": row["Session"] or None,
        "user": row["User"] or None,
        "query": row["Query"] or None,
        "answer": row["Answer"] or None,
        "encoder": row["Encoder"] or None,
        "encoders": list(row["Encoders"]),
        "reranker": row["Reranker"] or None,
        "llm_model": row["LlmModel"] or None,
        "prompt_version": row["PromptVersion"] or None,
        "route": row["Route"] or None,
        "tokens_prompt": row["TokensPrompt"],
        "tokens_completion": row["TokensCompletion"],
        "tokens_cache_read": row["TokensCacheRead"],
        "tokens_cache_write": row["TokensCacheWrite"],
        "tokens_reasoning": row["TokensReasoning"],
        "cost_usd": finite(row["CostUsd"]),
        "metadata": dict(row["Metadata"]),
        "tags": list(row["Tags"]),
        "dataset_row": row["DatasetRow"] or None,
        "errors": sorted({each for each in row["ErrorTypes"] if each}),
        "scores": [score(each) for each in _own(scores, row)],
    }


def _own(scores: Sequence[Mapping[str, Any]], trace: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The scores of this trace: of its project, or sent before the trace's project was known."""
    own = [
        each
        for each in scores
        if each["TraceId"] == trace["TraceId"] and each["Project"] in ("", trace["Project"])
    ]
    # One key may have a row from before its trace's project was known, and one from after.
    newest = {_score_key(each): each for each in sorted(own, key=lambda each: int(each["Seq"]))}
    return sorted(newest.values(), key=lambda each: (each["Name"], each["SpanId"], -int(each["Seq"])))


def _score_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["Name"], row["SpanId"], row["Source"], row["Evaluator"], row["EvaluatorVersion"]


def finite(number: float | None) -> float | None:
    """``number``, or None for what JSON cannot hold: a cost that an app reported as NaN or infinity."""
    return number if number is not None and math.isfinite(number) else None


def score(row: Mapping[str, Any]) -> dict[str, Any]:
    """A score of the trace or of one of its spans (`span_id` null: of the trace)."""
    return {
        "name": row["Name"],
        "score": finite(row["Score"]),
        "label": row["Label"] or None,
        "status": row["Status"],
        "explanation": row["Explanation"] or None,
        "evidence": _json(row["Evidence"]),
        "method": row["Method"] or None,
        "threshold": finite(row["Threshold"]),
        "cost_usd": finite(row["CostUsd"]),
        "evaluator": row["Evaluator"],
        "version": row["EvaluatorVersion"],
        "source": row["Source"],
        "trace_id": row["TraceId"],
        "span_id": row["SpanId"] or None,
        "created_at": iso_time(nanoseconds(row["CreatedAt"])),
    }


def _json(text: str) -> Any:
    """Evidence as it was sent; text that is not JSON stays text."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def span(row: Mapping[str, Any], *, cost_usd: float | None) -> dict[str, Any]:
    """A span with its attributes as text and its events; `kind` is the RAG kind or null.

    Tokens of the cache are among the prompt's, those of reasoning among the completion's.
    """
    events = zip(row["EventS"], row["EventNames"], row["EventAttributes"], strict=True)
    return {
        "span_id": row["SpanId"],
        "parent_span_id": row["ParentSpanId"] or None,
        "name": row["SpanName"],
        "kind": row["Kind"] or None,
        "service": row["ServiceName"],
        "started_at": iso_time(row["StartedNs"]),
        "duration_ms": row["Duration"] / 1e6,
        "status": _SPAN_STATUS.get(row["StatusCode"], "unset"),
        "status_message": row["StatusMessage"] or None,
        "model": row["Model"] or None,
        "tokens_prompt": row["TokensPrompt"],
        "tokens_completion": row["TokensCompletion"],
        "tokens_cache_read": row["TokensCacheRead"],
        "tokens_cache_write": row["TokensCacheWrite"],
        "tokens_reasoning": row["TokensReasoning"],
        "cost_usd": finite(cost_usd),
        "attributes": dict(row["SpanAttributes"]),
        "events": [
            {"name": name, "at": iso_time(int(moment.scaleb(9))), "attributes": dict(attributes)}
            for moment, name, attributes in events
        ],
    }


def evaluation(row: Mapping[str, Any]) -> dict[str, Any]:
    """What an evaluator decided about the trace or a span, with the reason where there is no score."""
    return {
        "evaluator": row["Evaluator"],
        "version": row["EvaluatorVersion"],
        "span_id": row["SpanId"] or None,
        "status": row["Status"],
        "reason": row["Reason"] or None,
        "job": row["Job"] or None,
        "created_at": iso_time(nanoseconds(row["CreatedAt"])),
    }


def feedback(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a user said about a trace; `value` is the number or the label that was sent."""
    return {
        "trace_id": row["TraceId"],
        "name": row["Name"],
        "value": finite(row["Value"]) if row["Value"] is not None else row["Label"] or None,
        "comment": row["Comment"] or None,
        "created_at": iso_time(nanoseconds(row["CreatedAt"])),
    }
