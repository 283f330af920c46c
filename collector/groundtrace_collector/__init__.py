"""The groundtrace collector: receive, gate, commit, store, query, jobs, pages."""
