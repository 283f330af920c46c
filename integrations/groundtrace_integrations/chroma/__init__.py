"""Chroma: queries of its collections as spans."""

from groundtrace_integrations.chroma.instrumentor import ChromaInstrumentor

__all__ = ["ChromaInstrumentor"]
