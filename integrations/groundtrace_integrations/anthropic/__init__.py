"""Anthropic's client: messages, streams and their helpers, as spans."""

from groundtrace_integrations.anthropic.instrumentor import AnthropicInstrumentor

__all__ = ["AnthropicInstrumentor"]
