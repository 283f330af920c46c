"""A segment's way into the store, and whether all of it arrived."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.commit.segment import Segment
from groundtrace_collector.errors import StoreError
from groundtrace_collector.gate.frame import frames
from groundtrace_collector.store.broken import is_of_broken_part, set_aside_broken
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.sql import statement

logger = logging.getLogger(__name__)

_TABLE = "otlp_in"
_TABLES = ("otel_traces", "retrieved_documents")  # where its rows arrive
_PACKAGE = "groundtrace_collector.commit"
# The ingest handle plans nothing, so that its inserts cost less; without a plan this reads the whole column.
_PLANNED = {"query_plan_enable_optimizations": 1}


def insert(driver: Driver, segment: Segment, *, token: str | None = None) -> None:
    """Insert a segment's rows, unless the store knows its ``token``, which is its name where none is given."""
    settings = {"insert_deduplication_token": token or segment.token}
    driver.insert_file(_TABLE, segment.path, fmt="Protobuf", settings=settings)


def insert_whole(driver: Driver, segment: Segment) -> None:
    """Insert what an earlier process left, or what the store did not take at first, and see that all of it is there.

    A power cut, and a disk that fills up while a part is written, may leave the token that says that rows are
    there without the rows: they are stored again under another token. And the store forgets tokens, the sooner
    the more days its commits hold spans of: so it is looked first whether the rows are there. Raises ValueError
    when the segment is damaged.
    """
    wanted, found = _spans_in(segment), _readable(driver, segment)
    if found.is_whole(wanted):
        return
    insert(driver, segment)  # of what a failed insert left half done, the store knows the half by the token
    found = _readable(driver, segment)
    if found.is_whole(wanted):
        return
    logger.warning(
        "The store has %d of %d spans of segment %s and %d of %d documents of theirs: they are stored again",
        found.spans,
        wanted,
        segment.token,
        found.documents,
        found.documents_of_spans,
    )
    for table in _TABLES:  # what is left of it would be there twice
        driver.command(f"DELETE FROM {table} WHERE Seq = {{seq:UInt64}}", {"seq": segment.seq})  # noqa: S608
    insert(driver, segment, token=f"{segment.token}-{secrets.token_hex(4)}")


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows of a segment that the store has, and how many documents its spans name."""

    spans: int
    documents: int
    documents_of_spans: int

    def is_whole(self, spans: int) -> bool:
        """Whether all of so many spans are there, and all of their documents."""
        return self.spans >= spans and self.documents == self.documents_of_spans


def _readable(driver: Driver, segment: Segment) -> _Found:
    """What the store has of a segment; parts that cannot be read are set aside."""
    try:
        return _rows(driver, segment)
    except StoreError as error:
        if not is_of_broken_part(error):
            raise
        set_aside_broken(driver)
        return _rows(driver, segment)


def _rows(driver: Driver, segment: Segment) -> _Found:
    (view,) = driver.query(statement(_PACKAGE, "documents_view"))
    counted = statement(_PACKAGE, "rows_of_seq").replace("VIEW", view["as_select"])
    (row,) = driver.query(counted, {"seq": segment.seq}, _PLANNED)
    return _Found(int(row["Spans"]), int(row["Documents"]), int(row["DocumentsOfSpans"]))


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
