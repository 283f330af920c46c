"""groundtrace: RAG tracing in OpenTelemetry spans. One line: ``groundtrace.instrument()``."""

from groundtrace.async_client import AsyncClient
from groundtrace.client import Client
from groundtrace.context import context
from groundtrace.documents import Document
from groundtrace.errors import (
    ApiError,
    ConfigError,
    DecodeError,
    ExportError,
    GroundtraceError,
    MissingExtraError,
)
from groundtrace.feedback import current_trace_id, feedback
from groundtrace.instrumenting import flush, instrument, uninstrument
from groundtrace.routing import fallback, shadow, split
from groundtrace.steps import cache, chain, encoder, llm, reranker, retriever, tool

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ConfigError",
    "DecodeError",
    "Document",
    "ExportError",
    "GroundtraceError",
    "MissingExtraError",
    "cache",
    "chain",
    "context",
    "current_trace_id",
    "encoder",
    "fallback",
    "feedback",
    "flush",
    "instrument",
    "llm",
    "reranker",
    "retriever",
    "shadow",
    "split",
    "tool",
    "uninstrument",
]
