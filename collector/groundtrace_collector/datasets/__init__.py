"""Datasets: rows of a question, what should be found for it and what should not, in versions that stay."""
