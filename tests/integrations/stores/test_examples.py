"""The examples run, and their traces are what they say."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.conftest import StubCollector, attributes_of, otlp

__all__ = ["otlp"]  # a fixture
EXAMPLES = Path(__file__).parents[3] / "examples"
ANSWER = "The warranty of a kettle is two years."

if find_spec("langchain_chroma") is None:
    pytest.skip("examples run on the newest libraries", allow_module_level=True)


def attributes(span: Any) -> dict[str, Any]:
    return dict(attributes_of(span.attributes))


def run(name: str, otlp: StubCollector) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("name", "kinds", "document_id", "sense"),
    [
        pytest.param(
            "faiss_rag.py", ["CHAIN", "EMBEDDING", "RETRIEVER"], "warranty", "similarity", id="faiss"
        ),
        pytest.param(
            "chroma_rag.py", ["CHAIN", "EMBEDDING", "RETRIEVER"], "warranty", "distance", id="chroma"
        ),
    ],
)
def test_a_question_is_one_trace_with_one_retriever(
    otlp: StubCollector, name: str, kinds: list[str], document_id: str, sense: str
) -> None:
    assert run(name, otlp) == f"{ANSWER}\n"

    spans = {attributes(span)["openinference.span.kind"]: span for span in otlp.spans()}
    assert sorted(spans) == kinds
    assert len(otlp.spans()) == 3
    assert len({span.trace_id for span in otlp.spans()}) == 1
    found = attributes(spans["RETRIEVER"])
    assert found["retrieval.documents.0.document.id"] == document_id
    assert found["retrieval.documents.0.document.content"] == ANSWER
    assert found["retrieval.documents.1.document.score"] > 0
    assert found["retrieval.score_sense"] == sense


def test_the_semantic_cache_is_no_retriever_and_tells_its_question(otlp: StubCollector) -> None:
    assert run("qdrant_rag.py", otlp) == f"{ANSWER}\n{ANSWER}\n"

    found = [attributes(span) for span in otlp.spans()]
    (retriever,) = [span for span in found if span["openinference.span.kind"] == "RETRIEVER"]
    assert retriever["retrieval.documents.0.document.content"] == ANSWER
    missed, hit = [span for span in found if "groundtrace.cache.hit" in span]
    assert (missed["groundtrace.cache.hit"], hit["groundtrace.cache.hit"]) == (False, True)
    assert hit["groundtrace.cache.similarity"] > hit["groundtrace.cache.threshold"] == 0.8
    assert hit["groundtrace.cache.query"] == "How long is the warranty of a kettle?"
