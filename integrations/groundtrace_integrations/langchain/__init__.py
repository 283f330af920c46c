"""LangChain: chains, models, retrievers, embeddings, rerankers, tools and agents as spans."""

from groundtrace_integrations.langchain.instrumentor import (
    LangChainInstrumentor,
    get_ancestor_spans,
    get_current_span,
)

__all__ = ["LangChainInstrumentor", "get_ancestor_spans", "get_current_span"]
