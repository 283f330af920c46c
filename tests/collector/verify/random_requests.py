"""Random valid requests: every kind of value, nested, empty, extreme, and every field of a span."""

from __future__ import annotations

import math
import random
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector.otlp import any_value

NOW_NS = time.time_ns()
WORDS = (
    "", "a", "ü", "日本語", "\U0001f9ea", "e\u0301", "\u202eright to left", "\ufeff", "\uffff", "line\nbreak", "tab\t",
    '"quoted"', "\\", "\\u0041", "\x00", "\x7f", "</script>", "x" * 300, "{}", "null", "NaN", "[1,",
    '{"query": "why?"}',
)  # fmt: skip
NUMBERS = (0, 1, -1, 127, 128, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 12345678901234567)
DOUBLES = (
    0.0, -0.0, 1.0, 1.5, -2.25, 0.1, 1e22, 1e300, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
    math.inf, -math.inf, math.nan, 123456789.125,
)  # fmt: skip
COUNTS = (0, 1, 2**31, 2**32 - 1)
ENUM_NUMBERS = (0, 1, 2, 3, 4, 5, 6, 99, -1, -2, 2**31 - 1, -(2**31))
TIMES = (0, 1, NOW_NS, 2**63 - 1, 2**63, 2**64 - 1)
# Some that nothing reads, and some that columns, documents and traces are made of.
KEYS = (
    "a", "b.c", "ü", "", "long" * 20, "service.name", "session.id", "metadata", "tag.tags", "input.value",
    "output.value", "openinference.span.kind", "openinference.project.name", "gen_ai.operation.name",
    "gen_ai.usage.input_tokens",
    "llm.token_count.prompt", "llm.cost.total", "llm.model_name", "embedding.model_name", "groundtrace.cache.hit",
    "groundtrace.retry.attempt", "groundtrace.gold.document_ids", "retrieval.documents.0.document.id",
    "retrieval.documents.1.document.score", "retrieval.documents.99999999999.document.id",
    "reranker.output_documents.0.document.content", "gen_ai.retrieval.documents", "db.vector.results.ids",
)  # fmt: skip
_DEEPEST = 4


def random_value(rng: random.Random, depth: int = 0) -> AnyValue:
    match rng.randrange(9 if depth < _DEEPEST else 6):
        case 0 | 1:
            return any_value(rng.choice(WORDS))
        case 2:
            return any_value(rng.choice(NUMBERS))
        case 3:
            return any_value(rng.choice(DOUBLES))
        case 4:
            return any_value(rng.random() < 0.5)
        case 5:
            return rng.choice([any_value(rng.randbytes(rng.randrange(5))), AnyValue()])
        case 6 | 7:
            return _random_array(rng, depth)
    value = AnyValue()
    value.kvlist_value.SetInParent()
    for key in rng.sample(KEYS, rng.randrange(3)):
        value.kvlist_value.values.append(KeyValue(key=key, value=random_value(rng, depth + 1)))
    return value


def _random_array(rng: random.Random, depth: int) -> AnyValue:
    value = AnyValue()
    value.array_value.SetInParent()
    value.array_value.values.extend(random_value(rng, depth + 1) for _ in range(rng.randrange(4)))
    return value


def random_attributes(rng: random.Random, most: int) -> list[KeyValue]:
    keys = rng.sample(KEYS, rng.randrange(most))
    attributes = [KeyValue(key=key, value=random_value(rng)) for key in keys]
    for attribute in attributes:
        if attribute.key == "openinference.span.kind" and rng.random() < 0.7:
            attribute.value.string_value = rng.choice(("RETRIEVER", "RERANKER", "LLM", "EMBEDDING", "CHAIN"))
    return attributes


def fill_span(rng: random.Random, span: Span) -> None:
    """A span with a random value in every field, some of them the most that the field holds."""
    span.trace_id, span.span_id = rng.randbytes(16), rng.randbytes(8)
    span.parent_span_id = rng.choice([b"", rng.randbytes(8)])
    span.trace_state, span.name = rng.choice(WORDS), rng.choice(WORDS)
    span.kind = rng.choice(ENUM_NUMBERS)  # type: ignore[assignment]
    span.start_time_unix_nano = NOW_NS - rng.randrange(10**15)
    span.end_time_unix_nano = rng.choice(
        [0, 2**64 - 1, *(span.start_time_unix_nano + ns for ns in (-5, 0, 1, 10**9))]
    )
    span.attributes.extend(random_attributes(rng, 9))
    span.dropped_attributes_count, span.flags = rng.choice(COUNTS), rng.choice(COUNTS)
    span.dropped_events_count, span.dropped_links_count = rng.choice(COUNTS), rng.choice(COUNTS)
    if rng.random() < 0.7:
        span.status.code = rng.choice(ENUM_NUMBERS)  # type: ignore[assignment]
        span.status.message = rng.choice(WORDS)
    for _ in range(rng.randrange(3)):
        event = span.events.add(name=rng.choice(WORDS), time_unix_nano=rng.choice(TIMES))
        event.attributes.extend(random_attributes(rng, 4))
        event.dropped_attributes_count = rng.choice(COUNTS)
    for _ in range(rng.randrange(3)):
        link = span.links.add(
            trace_id=rng.randbytes(16), span_id=rng.randbytes(8), trace_state=rng.choice(WORDS)
        )
        link.attributes.extend(random_attributes(rng, 4))
        link.dropped_attributes_count, link.flags = rng.choice(COUNTS), rng.choice(COUNTS)


def random_request(rng: random.Random) -> ExportTraceServiceRequest:
    """A request of up to eight spans; sometimes of none, sometimes without resource or scope."""
    request = ExportTraceServiceRequest()
    for _ in range(rng.randint(1, 2)):
        group = request.resource_spans.add(schema_url=rng.choice(WORDS))
        if rng.random() < 0.9:
            group.resource.attributes.extend(random_attributes(rng, 5))
            group.resource.dropped_attributes_count = rng.choice(COUNTS)
        for _ in range(rng.randint(1, 2)):
            scope = group.scope_spans.add(schema_url=rng.choice(WORDS))
            if rng.random() < 0.9:
                scope.scope.name, scope.scope.version = rng.choice(WORDS), rng.choice(WORDS)
                scope.scope.attributes.extend(random_attributes(rng, 3))
                scope.scope.dropped_attributes_count = rng.choice(COUNTS)
            for _ in range(rng.randrange(3)):
                fill_span(rng, scope.spans.add())
    return request
