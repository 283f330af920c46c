"""Hugging Face: the inference client, and transformers' pipelines, as spans."""

from groundtrace_integrations.huggingface.instrumentor import HuggingFaceInstrumentor

__all__ = ["HuggingFaceInstrumentor"]
