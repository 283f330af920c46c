"""The example app, run as a user runs it, its spans read off the socket."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

EXAMPLE = Path(__file__).parents[3] / "examples" / "langchain_rag.py"


@pytest.fixture
def received() -> Iterator[tuple[str, list[Span]]]:
    """A listener for OTLP/HTTP on a free port: its URL, and the spans that came."""
    spans: list[Span] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = decompress(body)
            if self.path == "/v1/traces":
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


def attributes(span: Span) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "") for pair in span.attributes}


def run(endpoint: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_example_answers_and_sends_one_whole_trace(received: tuple[str, list[Span]]) -> None:
    endpoint, spans = received

    done = run(endpoint)

    assert (done.returncode, done.stdout) == (0, "The warranty of a kettle is two years.\n"), done.stderr
    asked = [span for span in spans if "groundtrace.indexing" not in attributes(span)]
    assert len({span.trace_id for span in asked}) == 1
    by_kind = {attributes(span)["openinference.span.kind"]: attributes(span) for span in asked}
    assert {"EMBEDDING", "RETRIEVER", "RERANKER", "LLM", "CHAIN"} <= set(by_kind)
    assert by_kind["EMBEDDING"]["embedding.model_name"] == "trigrams"
    assert by_kind["EMBEDDING"]["embedding.model_version"] == "1"
    assert by_kind["RETRIEVER"]["retrieval.documents.3.document.score"] > 0
    assert by_kind["RERANKER"]["reranker.output_documents.0.document.id"] == "warranty"
    assert by_kind["LLM"]["llm.output_messages.0.message.content"] == "The warranty of a kettle is two years."
    (root,) = [attributes(span) for span in asked if not span.parent_span_id]
    assert root["session.id"] == "s1"
    assert root["metadata"] == '{"doc_family":"kettle"}'


def test_example_runs_without_a_collector() -> None:
    done = run("http://127.0.0.1:9")  # nothing listens there

    assert (done.returncode, done.stdout) == (0, "The warranty of a kettle is two years.\n"), done.stderr
    assert "Traceback" not in done.stderr
