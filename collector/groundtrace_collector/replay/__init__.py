"""Replay: a dataset through two encoders over one corpus, and what a release changes."""
