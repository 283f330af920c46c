"""A segment's way into the store, and whether all of it arrived."""

from __future__ import annotations

import logging
import secrets

from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.commit.segment import Segment
from groundtrace_collector.gate.frame import frames
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.sql import statement

logger = logging.getLogger(__name__)

_TABLE = "otlp_in"
_ROWS_OF_SEQ = statement("groundtrace_collector.commit", "rows_of_seq")
# The ingest handle plans nothing, so that its inserts cost less; without a plan this reads the whole column.
_PLANNED = {"query_plan_enable_optimizations": 1}


def insert(driver: Driver, segment: Segment, *, token: str | None = None) -> None:
    """Insert a segment's rows, unless the store knows its ``token``, which is its name where none is given."""
    settings = {"insert_deduplication_token": token or segment.token}
    driver.insert_file(_TABLE, segment.path, fmt="Protobuf", settings=settings)


def insert_left_over(driver: Driver, segment: Segment) -> None:
    """Insert what an earlier process left, whole.

    A power cut may take the rows and leave the token that says they are there: rows that are missing then are
    stored again under another token. Raises ValueError when the file is damaged.
    """
    insert(driver, segment)
    wanted = _spans_in(segment)
    found = int(driver.query(_ROWS_OF_SEQ, {"seq": segment.seq}, _PLANNED)[0]["Rows"])
    if found < wanted:
        logger.warning(
            "The store lost %d of %d spans of segment %s: they are stored again",
            wanted - found,
            wanted,
            segment.token,
        )
        insert(driver, segment, token=f"{segment.token}-{secrets.token_hex(4)}")


def _spans_in(segment: Segment) -> int:
    """How many spans a segment holds; those of a request that protobuf does not read are not counted."""
    count = 0
    for framed in frames(segment.path.read_bytes()):
        try:
            request = ExportTraceServiceRequest.FromString(framed.message)
        except ProtobufError:
            continue
        count += sum(len(scope.spans) for each in request.resource_spans for scope in each.scope_spans)
    return count
