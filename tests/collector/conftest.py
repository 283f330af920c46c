"""A real embedded store for every test: one engine a pytest process, one database a test."""

from __future__ import annotations

import gzip
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from groundtrace_collector.app import create_app
from groundtrace_collector.collector import Collector
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.engine import ENGINE_FOLDER, write_engine_config
from groundtrace_collector.store.store import Store

_databases = itertools.count(1)
_span_ids = itertools.count(1)
MEMORY_BYTES = 2 << 30
BASE_URL = "http://127.0.0.1:4318"

SpanDict = Mapping[str, Any]
Send = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="session")
def engine_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of this process's engine; a handle keeps it open between tests."""
    folder = tmp_path_factory.mktemp("engine")
    config = write_engine_config(folder, memory_bytes=MEMORY_BYTES)
    anchor = Driver.open(f"chdb://{folder / ENGINE_FOLDER}", database=None, settings={}, engine_config=config)
    yield folder
    anchor.close()


@pytest.fixture
async def store(engine_dir: Path) -> AsyncIterator[Store]:
    """A migrated, empty store."""
    database = f"test_{next(_databases)}"
    store = await Store.open(
        f"chdb://{engine_dir}?database={database}",
        data_dir=engine_dir,
        memory_bytes=MEMORY_BYTES,
        retention_days=30,
    )
    yield store
    await store.command(f"DROP DATABASE `{database}` SYNC")
    await store.close()


@pytest.fixture
async def collector(store: Store, tmp_path: Path) -> AsyncIterator[Collector]:
    """A collector on an empty store, committing and settling."""
    config = CollectorConfig(store=store.url, data_dir=tmp_path / "data", grpc_port=None, worker=False, linger_ms=0)
    collector = Collector(config=config, store=store)
    collector.start()
    await collector.commits.ready.wait()
    yield collector
    await collector.commits.close()
    await collector.settler.close()


@pytest.fixture
async def client(collector: Collector) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the collector's application."""
    transport = httpx.ASGITransport(app=create_app(collector))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


@pytest.fixture
def send(client: httpx.AsyncClient, collector: Collector) -> Send:
    """Post spans as an OTLP exporter would, and wait until their traces are settled.

    `await send([{...}, ...], resource={...})`; see `otlp_request` for a span's keys.
    """

    async def post(spans: Sequence[SpanDict], *, resource: Mapping[str, Any] | None = None) -> httpx.Response:
        response = await client.post(
            "/v1/traces",
            content=gzip.compress(otlp_request(spans, resource=resource)),
            headers={"content-type": "application/x-protobuf", "content-encoding": "gzip"},
        )
        assert response.status_code == 200, response.content
        await collector.settler.idle()
        return response

    return post


def otlp_request(spans: Sequence[SpanDict], *, resource: Mapping[str, Any] | None = None) -> bytes:
    """An ExportTraceServiceRequest of spans given as dicts.

    Keys, all but `trace_id` with a default: `trace_id`, `span_id`, `parent_span_id` (hex), `name`, `kind` (the
    RAG kind, written as openinference.span.kind), `start_ns`, `duration_ms`, `status` ("unset", "ok", "error"),
    `status_message`, `attributes`, `events` (dicts of `name` and `attributes`).
    """
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in {"service.name": "test", **(resource or {})}.items():
        group.resource.attributes.append(KeyValue(key=key, value=any_value(value)))
    scope = group.scope_spans.add()
    for given in spans:
        _add_span(scope.spans.add(), given)
    return request.SerializeToString()


def _add_span(span: Span, given: SpanDict) -> None:
    start_ns = given.get("start_ns", time.time_ns())
    span.trace_id = bytes.fromhex(given["trace_id"])
    span.span_id = bytes.fromhex(given.get("span_id") or f"{next(_span_ids):016x}")
    span.parent_span_id = bytes.fromhex(given.get("parent_span_id", ""))
    span.name = given.get("name", "step")
    span.start_time_unix_nano = start_ns
    span.end_time_unix_nano = start_ns + round(given.get("duration_ms", 1) * 1e6)
    span.status.code = ("unset", "ok", "error").index(given.get("status", "ok"))  # type: ignore[assignment]
    span.status.message = given.get("status_message", "")
    attributes = dict(given.get("attributes", {}))
    if kind := given.get("kind"):
        attributes["openinference.span.kind"] = kind
    for key, value in attributes.items():
        span.attributes.append(KeyValue(key=key, value=any_value(value)))
    for given_event in given.get("events", ()):
        event = span.events.add(name=given_event["name"], time_unix_nano=start_ns)
        for key, value in given_event.get("attributes", {}).items():
            event.attributes.append(KeyValue(key=key, value=any_value(value)))


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP's AnyValue."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Mapping():
            result = AnyValue()
            result.kvlist_value.SetInParent()
            for key, item in value.items():
                result.kvlist_value.values.append(KeyValue(key=key, value=any_value(item)))
            return result
    result = AnyValue()
    result.array_value.SetInParent()
    result.array_value.values.extend(any_value(item) for item in value)
    return result


def new_trace_id() -> str:
    """A trace id that no other test has, in hex."""
    return os.urandom(16).hex()
