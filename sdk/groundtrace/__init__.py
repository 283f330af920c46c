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
    "context",
    "current_trace_id",
    "feedback",
    "flush",
    "instrument",
    "uninstrument",
]
