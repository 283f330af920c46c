"""Questions to the store: where-expressions, traces, cohorts, comparisons, scores and feedback."""
