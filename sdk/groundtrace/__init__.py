"""groundtrace: RAG tracing in OpenTelemetry spans. One line: ``groundtrace.instrument()``."""
