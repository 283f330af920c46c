"""What a collector counts about itself, for Prometheus: one registry a collector, read at /metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector as Reading

from groundtrace_collector.errors import (
    ApiError,
    DecodeError,
    GroundtraceError,
    StoreDownError,
    StoreLimitError,
)
from groundtrace_collector.store.driver import ERRORS

if TYPE_CHECKING:
    from groundtrace_collector.collector import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OTHER_PROJECT: Final = "the key is bound to another project"


class Metrics:
    """Counters of one collector; cheap enough for every request, nothing is counted a span at a time."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "groundtrace_requests",
            "Requests answered, by protocol, route and status.",
            ["protocol", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "groundtrace_request_seconds",
            "Time to answer a request.",
            ["protocol", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._refused = Counter(
            "groundtrace_requests_refused",
            "Requests refused, by the error's code.",
            ["reason"],
            registry=self.registry,
        )
        self._spans = Counter(
            "groundtrace_spans_accepted", "Spans stored, repeated ones too.", registry=self.registry
        )
        self._spans_refused = Counter(
            "groundtrace_spans_refused",
            "Spans left out of requests that were stored.",
            ["reason"],
            registry=self.registry,
        )
        self._attributes_cut = Counter(
            "groundtrace_attributes_cut",
            "Attributes of stored spans that were cut or left out.",
            ["reason"],
            registry=self.registry,
        )
        self._records_refused = Counter(
            "groundtrace_log_records_refused", "Log records that are no score.", registry=self.registry
        )
        self._commit_bytes = Counter(
            "groundtrace_commit_bytes", "Bytes of requests stored.", registry=self.registry
        )
        self._commit_seconds = Histogram(
            "groundtrace_commit_seconds",
            "Time from a segment's beginning until it is in the store.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def request(self, protocol: str, route: str, status: str, seconds: float) -> None:
        """A request was answered; ``route`` is the application's pattern, never the path that was sent."""
        self._requests.labels(protocol, route, status).inc()
        self._seconds.labels(protocol, route).observe(seconds)

    def refusal(self, reason: str) -> None:
        """A request was refused; ``reason`` is a code of ours, never a sender's words."""
        self._refused.labels(reason).inc()

    def spans(self, accepted: int, refused: Mapping[str, int]) -> None:
        """A request's spans were stored, and so many left out for which reason."""
        self._spans.inc(accepted)
        for reason, count in refused.items():
            self._spans_refused.labels(reason).inc(count)

    def attributes_cut(self, cuts: Mapping[str, int]) -> None:
        """So many attributes of stored spans were cut or left out for which reason."""
        for reason, count in cuts.items():
            self._attributes_cut.labels(reason).inc(count)

    def records_refused(self, count: int) -> None:
        """So many log records of a request were no scores."""
        self._records_refused.inc(count)

    def committed(self, size: int, seconds: float) -> None:
        """A commit is stored: its bytes, and how long it took."""
        self._commit_bytes.inc(size)
        self._commit_seconds.observe(seconds)

    def watch(self, collector: Collector) -> None:
        """Read what a collector itself knows at each scrape."""
        self.registry.register(_Readings(collector))

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)


class _Readings(Reading):
    """Values that are looked up rather than counted."""

    def __init__(self, collector: Collector, *, clock: Callable[[], float] = time.time) -> None:
        self._collector = collector
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """The values as they are now."""
        yield GaugeMetricFamily(
            "groundtrace_queue_bytes",
            "Bytes of requests that wait for a commit.",
            value=self._collector.commits.waiting_bytes,
        )
        oldest_us = self._collector.settler.oldest_pending_us
        yield GaugeMetricFamily(
            "groundtrace_settle_lag_seconds",
            "Age of the oldest commit whose traces are not settled yet.",
            value=0.0 if oldest_us is None else max(0.0, self._clock() - oldest_us / 1e6),
        )
        errors = CounterMetricFamily(
            "groundtrace_store_errors", "Statements that the store refused.", labels=["kind"]
        )
        for kind in ("down", "parse", "other"):
            errors.add_metric([kind], ERRORS[kind])
        yield errors


def code_of(error: GroundtraceError) -> str:
    """What an error is counted as."""
    if isinstance(error, ApiError):
        return error.code
    if isinstance(error, DecodeError):
        return "undecodable"
    if isinstance(error, StoreLimitError):
        return "too_costly"
    return "unavailable" if isinstance(error, StoreDownError) else "failed"
