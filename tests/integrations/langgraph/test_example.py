"""The example runs, and its traces are what the docs say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdk.conftest import StubCollector, attributes_of, otlp

__all__ = ["otlp"]  # a fixture
EXAMPLE = Path(__file__).parents[3] / "examples" / "langgraph_rag.py"


@pytest.mark.verify
def test_the_example_gives_a_trace_a_call_and_ties_them_together(otlp: StubCollector) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "The warranty of a kettle is two years.\n"), done.stderr
    stopped, resumed = sorted(
        (span for span in otlp.spans() if span.name == "handbook"), key=lambda span: span.start_time_unix_nano
    )
    for span, nodes in (
        (stopped, ["ask_back", "grade", "retrieve"]),
        (resumed, ["ask_back", "generate", "grade", "retrieve"]),
    ):
        own = [attributes_of(s.attributes) for s in otlp.spans() if s.trace_id == span.trace_id]
        assert sorted(str(found["graph.node.name"]) for found in own if "graph.node.name" in found) == nodes
        assert attributes_of(span.attributes)["session.id"] == "t1"
        assert span.status.code == 1
    assert [link.span_id for link in resumed.links] == [stopped.span_id]
