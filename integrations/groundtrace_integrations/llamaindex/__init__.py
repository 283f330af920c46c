"""LlamaIndex: query and chat engines, retrievers, rerankers, encoders, models, agents and workflows as spans."""

from groundtrace_integrations.llamaindex.instrumentor import LlamaIndexInstrumentor

__all__ = ["LlamaIndexInstrumentor"]
