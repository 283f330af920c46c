"""The example runs, and its trace is what the docs say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdk.conftest import StubCollector, attributes_of, otlp

__all__ = ["otlp"]  # a fixture
EXAMPLE = Path(__file__).parents[3] / "examples" / "llamaindex_rag.py"


@pytest.mark.verify
def test_the_example_gives_one_trace_for_a_question(otlp: StubCollector) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", EXAMPLE],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "The warranty of a kettle is two years.\n"), done.stderr
    (root,) = [span for span in otlp.spans() if span.name == "RetrieverQueryEngine.query"]
    asked = [attributes_of(span.attributes) for span in otlp.spans() if span.trace_id == root.trace_id]
    by_kind = {str(found["openinference.span.kind"]): found for found in asked}
    assert set(by_kind) == {"CHAIN", "RETRIEVER", "EMBEDDING", "RERANKER", "LLM"}
    assert by_kind["EMBEDDING"]["embedding.model_name"] == "trigrams"
    assert by_kind["RERANKER"]["reranker.output_documents.0.document.id"] == "warranty"
    assert attributes_of(root.attributes)["session.id"] == "s1"
    assert not root.parent_span_id
