"""FAISS: searches of its indexes as spans."""

from groundtrace_integrations.faiss.instrumentor import FAISSInstrumentor

__all__ = ["FAISSInstrumentor"]
