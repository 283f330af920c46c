"""Qdrant: queries through its client as spans."""

from groundtrace_integrations.qdrant.instrumentor import QdrantInstrumentor

__all__ = ["QdrantInstrumentor"]
