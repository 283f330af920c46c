"""An app that knows nothing of groundtrace: opentelemetry-sdk, its OTLP exporter, no configuration."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.collector_process import CollectorProcess

APP = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
with trace.get_tracer("plain").start_as_current_span("answer") as span:
    span.set_attribute("input.value", "Where is my invoice?")
    with trace.get_tracer("plain").start_as_current_span("search"):
        pass
provider.shutdown()
"""


def _default_port_is_free() -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", 4318)) != 0


@pytest.mark.skipif(not _default_port_is_free(), reason="another collector listens on port 4318")
def test_an_unconfigured_exporter_lands_in_the_trace_list(tmp_path: Path) -> None:
    collector = CollectorProcess(
        store=f"chdb://{tmp_path}/store", home=tmp_path, port=4318, arguments=["--no-worker"]
    )
    collector.start()
    try:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        subprocess.run([sys.executable, "-W", "error", "-c", APP], check=True, env=plain, timeout=60)
        deadline = time.monotonic() + 15
        while not (traces := collector.get("/api/v1/traces")["traces"]) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        collector.stop()

    assert [(t["name"], t["query"], t["incomplete"]) for t in traces] == [
        ("answer", "Where is my invoice?", False)
    ]
