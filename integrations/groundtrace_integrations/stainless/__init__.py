"""Clients that Stainless generates (OpenAI's, Anthropic's): one way to wrap them, whatever they ask."""
