"""A collector to export to, and apps in processes of their own to export from."""

import gzip
import os
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def export(self) -> ExportTraceServiceRequest:
        encoding = self.headers.get("content-encoding")
        body = self.body
        if encoding == "gzip":
            body = gzip.decompress(body)
        elif encoding == "deflate":
            body = zlib.decompress(body)
        return ExportTraceServiceRequest.FromString(body)


@dataclass
class StubCollector:
    """Takes what is posted over a real socket; ``status`` is what it answers."""

    url: str
    received: list[Received] = field(default_factory=list)
    status: int = 200
    answer: bytes = b""

    def traces(self) -> list[Received]:
        return [request for request in self.received if request.path.endswith("/v1/traces")]

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.traces()
            for resource in request.export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resource(self) -> dict[str, object]:
        return attributes_of(self.traces()[0].export.resource_spans[0].resource.attributes)

    def wait_for_spans(self, count: int, timeout_s: float = 10.0) -> list[Span]:
        deadline = time.monotonic() + timeout_s
        while len(self.spans()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.spans()


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, object]:
    """Attributes of a protobuf message as Python values."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


@pytest.fixture
def otlp() -> Iterator[StubCollector]:
    """A collector on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            stub.received.append(Received(self.path, headers, body))
            self._reply()

        def do_GET(self) -> None:
            stub.received.append(Received(self.path, dict(self.headers.items()), b""))
            self._reply()

        def _reply(self) -> None:
            self.send_response(stub.status)
            self.send_header("content-length", str(len(stub.answer)))
            self.end_headers()
            self.wfile.write(stub.answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = StubCollector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield stub
    server.shutdown()
    server.server_close()
    thread.join()


def recovering(otlp: StubCollector, status: int) -> None:
    """Answer ``status`` until the app asks for /recover."""
    otlp.status = status

    class Recovering(list[Received]):
        def append(self, request: Received) -> None:
            if request.path == "/recover":
                otlp.status = 200
            super().append(request)

    otlp.received = Recovering(otlp.received)


@dataclass
class Ended:
    """How an app ended."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float


@pytest.fixture
def run_app() -> Callable[..., Ended]:
    """Run Python code as an app in a process of its own, warnings being errors.

    Integrations are off unless the test says otherwise: they are tested by themselves.
    """

    def run(code: str, **environ: str) -> Ended:
        began = time.monotonic()
        app = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
            env={**os.environ, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*", **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(app.returncode, app.stdout, app.stderr, time.monotonic() - began)

    return run
