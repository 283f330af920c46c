"""Requests of a RAG trace, and what damage makes of them: every way that OTLP comes in, each in its own pieces."""

from __future__ import annotations

import gzip
import json
import random
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector.otlp import otlp_request
from tests.collector.verify import wire

PROTOBUF = {"content-type": "application/x-protobuf"}
GZIP = {**PROTOBUF, "content-encoding": "gzip"}
JSON = {"content-type": "application/json"}
DOCUMENTS = 3
SPANS = 4


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged request: its bytes and its headers."""

    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: PROTOBUF)

    def spans(self) -> int:
        """How many spans are in it, by other libraries than the collector's; ValueError where they refuse it."""
        if self.headers == JSON:
            groups = json.loads(self.body).get("resourceSpans") or []
            scopes = (scope for group in groups for scope in group.get("scopeSpans") or [])
            return sum(len(scope.get("spans") or []) for scope in scopes)
        try:
            body = gzip.decompress(self.body) if self.headers == GZIP else self.body
            request = ExportTraceServiceRequest.FromString(body)
        except (OSError, EOFError, zlib.error, DecodeError) as error:
            raise ValueError(str(error)) from error
        return sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans)


def rag_trace(trace_id: str) -> bytes:
    """A whole trace: a root, a retriever with three documents, a reranker, an LLM; some values nested."""
    start_ns = time.time_ns()
    found = {
        f"retrieval.documents.{n}.document.{part}": value
        for n in range(DOCUMENTS)
        for part, value in (("id", f"d{n}"), ("score", 1 - n / 10), ("content", f"text {n}"))
    }
    ranked = {f"reranker.output_documents.{n}.document.id": f"d{n}" for n in range(DOCUMENTS)}
    spans = (
        ("CHAIN", "", {"input.value": "why?", "output.value": "so", "metadata": '{"family": "billing"}'}),
        ("RETRIEVER", "aa" * 8, {**found, "list": [1, "x", 0.5], "map": {"k": [1, {"deep": None}]}}),
        ("RERANKER", "aa" * 8, {**ranked, "reranker.model_name": "mini"}),
        ("LLM", "aa" * 8, {"llm.model_name": "m", "llm.token_count.prompt": 7, "bytes": b"\0\xff"}),
    )
    return otlp_request(
        [
            {"trace_id": trace_id, "span_id": f"{0xAA + n:02x}" * 8, "parent_span_id": parent, "kind": kind,
             "start_ns": start_ns + n, "name": kind.lower(), "attributes": attributes,
             "events": [{"name": "exception", "attributes": {"exception.type": "E", "nested": {"a": 1}}}]}
            for n, (kind, parent, attributes) in enumerate(spans)
        ]
    )  # fmt: skip


def mutant(rng: random.Random, trace_id: str, other: bytes) -> Mutant:
    """A damaged request of the trace ``trace_id``; ``other`` is one to splice with."""
    body = rag_trace(trace_id)
    match rng.randrange(10):
        case 0 | 1 | 2 | 3:
            return Mutant(_with_fields_changed(rng, body))
        case 4 | 5:
            return Mutant(_with_bytes_changed(rng, body))
        case 6:
            return Mutant(_spliced(rng, body, other))
        case 7:
            return Mutant(_with_bytes_changed(rng, gzip.compress(body, 1)), GZIP)
        case 8:
            return Mutant(gzip.compress(_with_fields_changed(rng, body), 1), GZIP)
    return Mutant(_with_bytes_changed(rng, as_json(body)), JSON)


def _with_fields_changed(rng: random.Random, body: bytes) -> bytes:
    tree = wire.read(body, ExportTraceServiceRequest.DESCRIPTOR)
    for _ in range(rng.randint(1, 3)):
        wire.mutate(rng, tree)
    return wire.write(tree)


def _with_bytes_changed(rng: random.Random, body: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        rng.choice(_CHANGES)(rng, data, at)
        if not data:
            return b"\x00"
    return bytes(data)


def _flip(rng: random.Random, data: bytearray, at: int) -> None:
    data[at] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray, at: int) -> None:
    del data[at : at + rng.choice((1, 2, 8, len(data)))]


def _insert(rng: random.Random, data: bytearray, at: int) -> None:
    data[at:at] = rng.choice((rng.randbytes(rng.randint(1, 8)), b"\x80" * 10, b"\x0b" * 200, b"\xff" * 9))


def _copy(rng: random.Random, data: bytearray, at: int) -> None:
    data[at:at] = data[at : at + rng.randint(1, 200)]


_CHANGES: tuple[Callable[[random.Random, bytearray, int], None], ...] = (_flip, _flip, _cut, _insert, _copy)


def _spliced(rng: random.Random, body: bytes, other: bytes) -> bytes:
    return body[: rng.randrange(len(body))] + other[rng.randrange(len(other)) :]


def as_json(body: bytes) -> bytes:
    """A request as OTLP/JSON."""
    request = ExportTraceServiceRequest.FromString(body)
    plain = MessageToDict(request, use_integers_for_enums=True)
    spans = plain["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span, plain_span in zip(request.resource_spans[0].scope_spans[0].spans, spans, strict=True):
        plain_span["traceId"], plain_span["spanId"] = span.trace_id.hex(), span.span_id.hex()
        plain_span["parentSpanId"] = span.parent_span_id.hex()
    return json.dumps(plain).encode()
