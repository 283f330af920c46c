"""The example runs, and its trace is what the docs say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.anthropic.conftest import address
from tests.integrations.message_replies import ANSWER
from tests.integrations.provider_stub import Provider
from tests.sdk.conftest import StubCollector, attributes_of, otlp

__all__ = ["otlp"]  # a fixture
EXAMPLE = Path(__file__).parents[3] / "examples" / "anthropic_rag.py"


@pytest.mark.verify
def test_the_example_gives_one_trace_for_a_question(otlp: StubCollector, provider: Provider) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE, "How long is the warranty?"],
        env={
            **os.environ,
            "ANTHROPIC_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": address(provider),
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ANSWER}\n", "")
    assert len({span.trace_id for span in otlp.spans()}) == 1
    spans = {span.name: attributes_of(span.attributes) for span in otlp.spans()}
    assert sorted(spans) == ["ask", "encode", "messages.stream", "search"]
    assert spans["search"]["retrieval.documents.0.document.id"] == "warranty"
    assert spans["messages.stream"]["llm.token_count.total"] == 33
    assert spans["ask"]["output.value"] == ANSWER
