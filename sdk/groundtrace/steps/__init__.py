"""The steps of a RAG pipeline, each a decorator and a context manager."""

from groundtrace.steps.caching import CacheStep, cache
from groundtrace.steps.encoding import EncoderStep, encoder
from groundtrace.steps.generation import LLMStep, llm
from groundtrace.steps.plain import ChainStep, ToolStep, chain, tool
from groundtrace.steps.reranking import RerankerStep, reranker
from groundtrace.steps.retrieval import RetrieverStep, retriever
from groundtrace.steps.step import Step

__all__ = [
    "CacheStep",
    "ChainStep",
    "EncoderStep",
    "LLMStep",
    "RerankerStep",
    "RetrieverStep",
    "Step",
    "ToolStep",
    "cache",
    "chain",
    "encoder",
    "llm",
    "reranker",
    "retriever",
    "tool",
]
