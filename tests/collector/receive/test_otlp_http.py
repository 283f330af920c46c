"""What a sender is answered, and what of its spans is kept."""

from __future__ import annotations

import gzip
import os
import time
import zlib

import httpx
import pytest
from backports import zstd
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from groundtrace_collector.collector import Collector

from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id, otlp_request

PROTOBUF = {"content-type": "application/x-protobuf"}


async def test_a_sent_trace_is_stored_and_settled(send: Send, collector: Collector) -> None:
    trace_id = new_trace_id()

    await send([{"trace_id": trace_id, "name": "ask", "kind": "CHAIN", "attributes": {"input.value": "why?"}}])

    assert await collector.store.query("SELECT TraceId, Name, Query, SpanCount FROM traces FINAL") == [
        {"TraceId": trace_id, "Name": "ask", "Query": "why?", "SpanCount": 1}
    ]
