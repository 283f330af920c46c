"""Evaluation jobs: what is due, who works on it, and what came of it."""
