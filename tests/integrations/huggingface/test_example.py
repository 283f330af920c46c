"""The example runs, and its trace is what the docs say."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integrations.provider_stub import ANSWER, Provider
from tests.sdk.conftest import StubCollector, attributes_of, otlp

__all__ = ["otlp"]  # a fixture
EXAMPLE = Path(__file__).parents[3] / "examples" / "huggingface_rag.py"


def test_the_example_gives_one_trace_for_a_question(otlp: StubCollector, provider: Provider) -> None:
    address = provider.url.removesuffix("/v1")
    done = subprocess.run(
        [sys.executable, EXAMPLE, "How long is the warranty?"],
        env={
            **os.environ,
            "EMBEDDINGS_URL": address,
            "CHAT_URL": address,
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ANSWER}\n", "")
    ask = next(span for span in otlp.spans() if span.name == "ask")
    asked = {span.name: span for span in otlp.spans() if span.trace_id == ask.trace_id}
    assert sorted(asked) == [
        "InferenceClient.chat_completion",
        "InferenceClient.feature_extraction",
        "ask",
        "search",
    ]
    found = attributes_of(asked["search"].attributes)
    assert found["retrieval.documents.0.document.id"] in {"warranty", "descale", "returns"}
    chat = attributes_of(asked["InferenceClient.chat_completion"].attributes)
    assert chat["llm.token_count.total"] == 29
