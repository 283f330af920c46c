"""OpenAI's client: chat, responses, completions and embeddings as spans, streams included."""

from groundtrace_integrations.openai.instrumentor import OpenAIInstrumentor

__all__ = ["OpenAIInstrumentor"]
