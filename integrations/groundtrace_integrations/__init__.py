"""One module per library: an OpenTelemetry instrumentor each."""
