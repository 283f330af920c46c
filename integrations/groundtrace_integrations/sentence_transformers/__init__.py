"""sentence-transformers: encoders as EMBEDDING spans, cross-encoders as RERANKER spans."""

from groundtrace_integrations.sentence_transformers.instrumentor import SentenceTransformersInstrumentor

__all__ = ["SentenceTransformersInstrumentor"]
