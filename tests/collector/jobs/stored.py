"""Settled traces written straight into a store, with exact sequences and times of arrival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from groundtrace_collector.store.store import Store

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
"""When the stored traces begin; a fixed distance from now, inside every retention."""


@dataclass
class Clock:
    """The time of day that the dispatcher sees, and with it the clock of its leases."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def seq(self) -> int:
        return int(self.now.timestamp() * 1_000_000)


@dataclass
class Traces:
    """Writes traces as the settling would leave them, arrived at the clock's time."""

    store: Store
    clock: Clock

    async def put(
        self,
        *trace_ids: str,
        query: str = "How long is the refund period?",
        answer: str = "Refunds are possible for 30 days.",
        documents: tuple[str, ...] = ("Refunds are possible within 30 days of purchase.",),
        project: str = "shop",
        input_hash: int = 1,
        has_root: bool = True,
        seq: int | None = None,
        spans: Sequence[Mapping[str, str]] = (),
        **columns: Any,
    ) -> None:
        """One trace an id, with a RETRIEVER span that carries the documents, or spans of these attributes."""
        at = seq or self.clock.seq
        trace = {
            "Project": project,
            "Version": self.clock.seq,
            "LastSeq": at,
            "LastArrivedAt": self.clock.now,
            "StartedAt": START,
            "Seqs": [at],
            "HasRoot": has_root,
            "Query": query,
            "Answer": answer,
            "InputHash": input_hash,
        } | columns
        attributes = {
            f"retrieval.documents.{place}.document.{field}": value
            for place, content in enumerate(documents)
            for field, value in (("id", f"d{place}"), ("content", content))
        }
        attributes |= {"openinference.span.kind": "RETRIEVER", "openinference.project.name": project}
        await self.store.insert("traces", [trace | {"TraceId": each} for each in trace_ids])
        for place, each in enumerate(spans or [attributes]):
            named = {"openinference.project.name": project} | dict(each)
            await self._put_span(trace_ids, str(place), named, seq=at)

    async def _put_span(
        self, trace_ids: Sequence[str], suffix: str, attributes: Mapping[str, str], *, seq: int
    ) -> None:
        # With a list of columns, as OpenTelemetry's exporter inserts: the others are made from these.
        await self.store.command(
            "INSERT INTO otel_traces (Seq, Timestamp, TraceId, SpanId, SpanAttributes)"
            " SELECT {seq:UInt64}, fromUnixTimestamp64Nano({at:Int64}), id, concat(id, {suffix:String}),"
            " mapFromArrays({names:Array(String)}, {values:Array(String)})"
            " FROM (SELECT arrayJoin({ids:Array(String)}) AS id)",
            {
                "seq": seq,
                "at": int(START.timestamp()) * 10**9,
                "ids": list(trace_ids),
                "suffix": suffix,
                "names": list(attributes),
                "values": list(attributes.values()),
            },
        )

    async def ledger(self) -> dict[str, list[str]]:
        """Statuses by trace, in the order of writing."""
        rows = await self.store.query("SELECT TraceId, Status FROM ledger FINAL ORDER BY Seq")
        statuses: dict[str, list[str]] = {}
        for row in rows:
            statuses.setdefault(row["TraceId"], []).append(row["Status"])
        return statuses

    async def scored(self) -> dict[str, int]:
        """How often each trace was scored: score rows ever written, replaced ones too."""
        rows = await self.store.query(
            "SELECT TraceId, count() AS n FROM scores GROUP BY TraceId ORDER BY TraceId"
        )
        return {row["TraceId"]: row["n"] for row in rows}
