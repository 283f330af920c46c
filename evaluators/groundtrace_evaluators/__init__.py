"""RAG evaluators: one metric per module."""
