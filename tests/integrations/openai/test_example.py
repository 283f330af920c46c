"""The example runs, and its trace is what the docs say."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integrations.provider_stub import ANSWER, serving
from tests.sdk.conftest import StubCollector, attributes_of, otlp

__all__ = ["otlp"]  # a fixture
EXAMPLE = Path(__file__).parents[3] / "examples" / "openai_rag.py"


def test_the_example_gives_one_trace_for_a_question(otlp: StubCollector) -> None:
    with serving() as provider:
        done = subprocess.run(
            [sys.executable, EXAMPLE, "How long is the warranty?"],
            env={
                **os.environ,
                "OPENAI_API_KEY": "sk-test",
                "OPENAI_BASE_URL": provider.url,
                "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ANSWER}\n", "")
    spans = {span.name: span for span in otlp.spans() if span.name != "CreateEmbeddings"}
    asked = [span for span in otlp.spans() if span.trace_id == spans["ask"].trace_id]
    assert sorted(span.name for span in asked) == ["ChatCompletion", "CreateEmbeddings", "ask", "search"]
    found = attributes_of(spans["search"].attributes)
    assert {found["retrieval.documents.0.document.id"], found["retrieval.documents.1.document.id"]} <= {
        "warranty",
        "descale",
        "returns",
    }
    assert attributes_of(spans["ChatCompletion"].attributes)["llm.token_count.total"] == 29
