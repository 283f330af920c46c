"""Spans to the collector, quietly: an outage costs one log line and never the app."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from groundtrace.endpoints import is_loopback

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S: Final = 0.3
# What the SDK's exporter and queue log about each batch or span that they cannot deliver.
_CHATTY: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.trace.export",
)


class Hush(threading.local):
    """Holds back the SDK's own log lines in the thread where ``on`` is set; keeps the last one."""

    on = False
    last: str | None = None


hush: Final = Hush()


class _HushFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if not hush.on:
            return True
        hush.last = record.getMessage()
        return False


_filter: Final = _HushFilter()


def hold_back_sdk_logs() -> None:
    """Let ``hush`` decide about the SDK's delivery log lines; other threads' are untouched."""
    for name in _CHATTY:
        logging.getLogger(name).addFilter(_filter)


class CollectorExporter(SpanExporter):
    """An OTLP exporter that reports an outage once, when it begins, and its end.

    ``build`` makes the real exporter; it is called in the exporting thread, so that neither the
    import nor the connection costs the app's start, and again after a fork: parent and child must
    not share a connection.
    """

    def __init__(self, endpoint: str, build: Callable[[], SpanExporter]) -> None:
        self._endpoint = endpoint
        self._build = build
        self._inner: SpanExporter | None = None
        self._inherited: list[SpanExporter] = []
        self._pid = os.getpid()
        self._abandoned: str | None = None
        self._delivered = False
        self._lost_spans = 0
        hold_back_sdk_logs()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; waits and retries inside the exporter's own time limit."""
        if self._abandoned:
            self._note_loss(len(spans), self._abandoned)
            return SpanExportResult.FAILURE
        hush.on, hush.last = True, None
        try:
            result = self._current().export(spans)
        except Exception as error:  # noqa: BLE001 - up to 1.35 the exporter raises what requests raised
            result, hush.last = SpanExportResult.FAILURE, str(error)
        finally:
            hush.on = False
        if result is SpanExportResult.SUCCESS:
            self._note_success()
        else:
            self._note_loss(len(spans), hush.last)
        return result

    def _current(self) -> SpanExporter:
        if self._pid != os.getpid():
            if self._inner is not None:
                # The parent's connection: neither to be used here nor to be closed, since a lock in
                # it may have been held at the fork.
                self._inherited.append(self._inner)
            self._inner, self._pid, self._lost_spans = None, os.getpid(), 0
        if self._inner is None:
            self._inner = self._build()
        return self._inner

    def _note_success(self) -> None:
        self._delivered = True
        if self._lost_spans:
            logger.info("collector at %s answers again; %d spans were lost", self._endpoint, self._lost_spans)
            self._lost_spans = 0

    def _note_loss(self, spans: int, reason: str | None) -> None:
        first = self._lost_spans == 0
        self._lost_spans += spans
        if first:
            logger.warning(
                "no spans reach the collector at %s (%s); they are dropped until it answers. "
                "Start one with `groundtrace serve`, or set OTEL_SDK_DISABLED=true (logged once per outage)",
                self._endpoint,
                reason or "no reason given",
            )

    @property
    def failing(self) -> bool:
        """Whether the last batch was lost."""
        return self._lost_spans > 0

    @property
    def reachable(self) -> bool:
        """False when the collector should be on this machine and nothing listens there."""
        return not is_loopback(self._endpoint) or _answers(self._endpoint)

    @property
    def hopeless(self) -> bool:
        """Whether waiting at exit is in vain: an outage lasts, or nothing listens on this machine."""
        return self.failing or (not self._delivered and not self.reachable)

    def abandon(self, reason: str) -> None:
        """Give up: end a retry that waits, and refuse what comes after."""
        self._abandoned = reason
        if self._inner is not None:
            self._close(self._inner)

    def shutdown(self) -> None:
        """Close the connection."""
        if not self._abandoned and self._inner is not None:
            self._close(self._inner)
        self._inner = None

    def _close(self, inner: SpanExporter) -> None:
        hush.on = True
        try:
            inner.shutdown()
        finally:
            hush.on = False

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Nothing is buffered here."""
        return True


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((str(parts.hostname), port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True
