"""Traces out of the collector, as files."""
