"""What comes in: OTLP over HTTP, its encodings and its limits."""
