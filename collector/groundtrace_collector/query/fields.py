"""The words of a where-expression: which fields there are and where the store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a field may be compared with."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the trace: its column, and the condition under which a trace has it at all."""

    name: str
    column: str
    kind: Kind
    present: str | None
    """SQL that is false where the field is null; None for a field that every trace has."""
    help: str
    allowed: tuple[str, ...] = ()
    """All values that there are, where the set is closed."""


def _text(name: str, column: str, help_: str) -> Field:
    return Field(name=name, column=column, kind=Kind.TEXT, present=f"{column} != ''", help=help_)


def _number(name: str, column: str, help_: str) -> Field:
    return Field(name=name, column=column, kind=Kind.NUMBER, present=f"isNotNull({column})", help=help_)


_AGE = "((toUnixTimestamp64Nano(StartedAt) / 1e9 - toInt64(DocumentAt)) / 86400)"
# A date up to a day after the trace is one without its time zone, or of another clock; a later one is no age.
_DOCUMENT_AGE = f"if(toInt64(DocumentAt) = 0 OR {_AGE} < -1, NULL, greatest({_AGE}, 0))"

TRACE_FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        _text("project", "Project", "The project the trace belongs to."),
        _text("service", "Service", "`service.name` of the app."),
        _text("name", "Name", "The root span's name."),
        Field(
            name="status",
            column="Status",
            kind=Kind.TEXT,
            present=None,
            help="`ok`, `error` or `unset`.",
            allowed=("ok", "error", "unset"),
        ),
        Field(
            name="duration_ms",
            column="(DurationNs / 1e6)",
            kind=Kind.NUMBER,
            present=None,
            help="Milliseconds from the root's start to its end.",
        ),
        # Not the bare column: a bound on it would prune partitions under FINAL (see filters.py).
        Field(
            name="started_at",
            column="toUnixTimestamp64Nano(StartedAt)",
            kind=Kind.TIME,
            present=None,
            help="When the trace started: ISO 8601, or an age: `started_at > '24h'` is the last 24 hours.",
        ),
        _text("session", "Session", "The conversation (`session.id`)."),
        _text("user", "User", "The user (`user.id`)."),
        _text("encoder", "Encoder", "`model@version` of the encoder that embedded the query."),
        _text("reranker", "Reranker", "The reranker's model."),
        _text("llm_model", "LlmModel", "The model that wrote the answer."),
        _text("prompt_version", "PromptVersion", "`llm.prompt_template.version`."),
        _text("route", "Route", "`groundtrace.route`."),
        _text("query", "Query", "The question."),
        _text("answer", "Answer", "The answer."),
        _number("tokens_prompt", "TokensPrompt", "Prompt tokens, each LLM call once."),
        _number("tokens_completion", "TokensCompletion", "Completion tokens, each LLM call once."),
        _number("cost_usd", "CostUsd", "US dollars."),
        _number(
            "document_age_days",
            _DOCUMENT_AGE,
            "Days from the date of the context's best-ranked dated document to the trace's start.",
        ),
        Field(
            name="incomplete",
            column="Incomplete",
            kind=Kind.BOOLEAN,
            present=None,
            help="True while a span's parent is not stored. May stand alone: `not incomplete`.",
        ),
    )
}

KEYED_FIELDS = {
    "metadata": "A key of the trace's metadata: `metadata.doc_family = 'billing'`, `metadata.pages > 3`.",
    "score": "The trace's score: `score.groundedness < 0.5`, or its label: `score.groundedness = 'fail'`.",
    "feedback": "What users said: `feedback.thumbs = -1`, or as a label: `feedback.failure_label = 'stale'`.",
}
"""Fields of the trace that take a key, with a dot or in brackets."""

SPAN_FIELDS = {
    "kind": "The kind of a span: `kind = 'RERANKER'`.",
    "document": "The id of a document that was retrieved or reranked: `document = 'doc-17'`.",
    "tag": "A tag: `tag = 'beta'`.",
    "error": "The type of a span's error: `error = 'TimeoutError'`, `error is not null`.",
    "attributes": "A span's attribute: `attributes['llm.system'] = 'x'`.",
}
"""Fields that mean *any span*; their negation means *none*."""

FIELD_NAMES = (*TRACE_FIELDS, *KEYED_FIELDS, *SPAN_FIELDS)
