"""Spans to the collector, quietly: an outage costs one log line and never the app."""

import logging
import os
import re
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from groundtrace.endpoints import is_loopback

if TYPE_CHECKING:
    from groundtrace.resending import Resender

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S: Final = 0.3
# What an app's exit can bear beside the last batches themselves.
_LAST_DRAIN_S: Final = 2.0
# The processor hands over the next batch sooner than this only when it was full already.
_NO_PAUSE_S: Final = 0.05
_START: Final = "Start one with `groundtrace serve`"
_SET_KEY: Final = "Set GROUNDTRACE_API_KEY to a key that may send"
# How the SDK's exporter tells a collector that wants a key, or another one.
_REFUSED: Final = re.compile(r"\bcode: 40[13]\b")
_MORE_ROOM: Final = "Raise OTEL_BSP_MAX_QUEUE_SIZE"
_SPOOL_OR_MORE_ROOM: Final = (
    "Set GROUNDTRACE_SPOOL to a folder to keep them on disk, or raise OTEL_BSP_MAX_QUEUE_SIZE"
)
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


class SpanQueue(BatchSpanProcessor):
    """The SDK's queue, which knows how many spans it dropped: by itself it only logs that it does."""

    def __init__(self, exporter: "CollectorExporter", max_queue_size: int | None = None) -> None:
        super().__init__(exporter, max_queue_size=max_queue_size)
        # The SDK gives no public way to ask what waits. Up to 1.33 the queue was the processor's own.
        held = getattr(self, "_batch_processor", None)
        queue = getattr(self, "queue", None) if held is None else getattr(held, "_queue", None)
        self._waiting: deque[ReadableSpan] | None = queue if isinstance(queue, deque) else None
        self.begin()
        exporter.queue = self

    def begin(self) -> None:
        """Count from nothing: a forked child's queue is empty, and a lock may have been held."""
        self._handed = 0
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span; where there is no room, the oldest that waits is dropped."""
        super().on_end(span)
        if span.context and span.context.trace_flags.sampled:
            with self._lock:
                self._handed += 1

    def dropped(self, taken: int) -> int:
        """Return how many spans were dropped so far, when ``taken`` came out; for the exporting thread.

        Never too many: a span that is being queued meanwhile counts as one that waits.
        """
        handed = self._handed
        return 0 if self._waiting is None else max(handed - taken - len(self._waiting), 0)


class CollectorExporter(SpanExporter):
    """An OTLP exporter that reports an outage once, when it begins, and its end.

    ``build`` makes the real exporter; it is called in the exporting thread, so that neither the
    import nor the connection costs the app's start, and again after a fork: parent and child must
    not share a connection. With ``resending``, which makes a process's resender, what cannot be
    delivered is kept on disk and sent later.
    """

    def __init__(
        self,
        endpoint: str,
        build: "Callable[[Resender | None], SpanExporter]",
        resending: "Callable[[], Resender] | None" = None,
    ) -> None:
        self._endpoint = endpoint
        self._build = build
        self._resending = resending
        self._resender = None if resending is None else resending()
        self._inner: SpanExporter | None = None
        self._inherited: list[SpanExporter] = []
        self._abandoned: str | None = None
        self._delivered = False
        self._lost_spans = 0
        self.queue: SpanQueue | None = None
        self._taken = self._dropped = self._dropped_before = 0
        self._ended_at = 0.0
        hold_back_sdk_logs()
        if hasattr(os, "register_at_fork"):
            after_fork = weakref.WeakMethod(self._begin_in_child)
            os.register_at_fork(after_in_child=lambda: begin() if (begin := after_fork()) else None)

    def _begin_in_child(self) -> None:
        if self._inner is not None:
            # The parent's connection: neither to be used here nor to be closed, since a lock in
            # it may have been held at the fork.
            self._inherited.append(self._inner)
        self._inner, self._lost_spans = None, 0
        self._taken = self._dropped = self._dropped_before = 0
        if self.queue is not None:
            self.queue.begin()
        self._resender = None if self._resending is None else self._resending()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; waits and retries inside the exporter's own time limit."""
        self._taken += len(spans)
        if self._abandoned:
            self._note_loss(len(spans), self._abandoned)
            return SpanExportResult.FAILURE
        if self._resender is not None:
            self._resender.behind = time.monotonic() - self._ended_at < _NO_PAUSE_S
        hush.on, hush.last = True, None
        try:
            result = self._current().export(spans)
        except Exception as error:  # noqa: BLE001 - up to 1.35 the exporter raises what requests raised
            result, hush.last = SpanExportResult.FAILURE, str(error)
        finally:
            hush.on = False
            self._ended_at = time.monotonic()
        if result is SpanExportResult.SUCCESS:
            self._note_success()
        else:
            self._note_loss(len(spans), hush.last)
        return result

    def _current(self) -> SpanExporter:
        if self._inner is None:
            self._inner = self._build(self._resender)
        return self._inner

    def _newly_dropped(self) -> int:
        """Return how many spans the full queue has dropped since this was last asked."""
        dropped = max(self.queue.dropped(self._taken) - self._dropped, 0) if self.queue is not None else 0
        self._dropped += dropped
        return dropped

    def _note_success(self) -> None:
        self._delivered = True
        self._note_pace(self._newly_dropped())
        if self._lost_spans:
            logger.info("collector at %s answers again; %d spans were lost", self._endpoint, self._lost_spans)
            self._lost_spans = 0

    def _note_pace(self, dropped: int) -> None:
        """Say once that the app is faster than the collector, and once that it is no more."""
        first = self._dropped == self._dropped_before + dropped
        if dropped and first:
            logger.warning(
                "the collector at %s takes spans slower than this app makes them: the queue is full and dropped "
                "%d so far. %s (logged once until it keeps up)",
                self._endpoint,
                dropped,
                _MORE_ROOM if self.spools else _SPOOL_OR_MORE_ROOM,
            )
        elif not dropped and not first:
            logger.info(
                "collector at %s keeps up again; the full queue dropped %d spans",
                self._endpoint,
                self._dropped - self._dropped_before,
            )
            self._dropped_before = self._dropped

    def _note_loss(self, spans: int, reason: str | None) -> None:
        first = self._lost_spans == 0
        dropped = self._newly_dropped()
        self._dropped_before += dropped  # they belong to this outage
        self._lost_spans += spans + dropped
        if first:
            logger.warning(
                "no spans reach the collector at %s (%s); they are dropped until it takes them. "
                "%s, or set OTEL_SDK_DISABLED=true (logged once per outage)",
                self._endpoint,
                reason or "no reason given",
                _SET_KEY if _REFUSED.search(reason or "") else _START,
            )

    def resume(self) -> None:
        """Begin to send what an earlier process could not deliver."""
        if self._resender is not None:
            self._resender.resume()

    def drain(self, timeout_s: float) -> bool:
        """Wait until the spool is empty; False when it is not, or the last batch was lost."""
        kept = self._resender is not None and not self._resender.drain(timeout_s)
        return not kept and not self._lost_spans

    @property
    def reachable(self) -> bool:
        """False when the collector should be on this machine and nothing listens there."""
        return not is_loopback(self._endpoint) or _answers(self._endpoint)

    @property
    def spools(self) -> bool:
        """Whether what cannot be delivered is kept on disk."""
        return self._resender is not None

    @property
    def hopeless(self) -> bool:
        """Whether waiting at exit is in vain: an outage lasts, or nothing listens on this machine."""
        if self.spools:
            return False
        return self._lost_spans > 0 or (not self._delivered and not self.reachable)

    def abandon(self, reason: str) -> None:
        """Wait no longer: what comes after goes to the spool; without one it is refused, and a retry ended."""
        if self._resender is not None:
            self._resender.hold()
            return
        self._abandoned = reason
        if self._inner is not None:
            self._close(self._inner)

    def shutdown(self) -> None:
        """Close the connection."""
        if self._resender is not None:
            self._resender.drain(_LAST_DRAIN_S)
            self._resender.stop()
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
