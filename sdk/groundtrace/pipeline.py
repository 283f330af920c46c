"""The span processor that groundtrace adds to a TracerProvider."""

from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from groundtrace import guard
from groundtrace.attributes import AttributeValue
from groundtrace.context import context_attributes
from groundtrace.exporting import hush
from groundtrace.screening import screened
from groundtrace.settings import current_settings

_EXIT_FLUSH_MS: Final = 30_000


class Pipeline(SpanProcessor):
    """Stamps each span with the request's context on start and hands it on at its end.

    A provider cannot let go of a processor, so this one is added once per provider and switched
    on and off by what it hands spans to.
    """

    def __init__(self) -> None:
        self._targets: tuple[SpanProcessor, ...] = ()
        self._stamps: Mapping[str, AttributeValue] = {}
        self._on = False

    def switch_on(self, targets: tuple[SpanProcessor, ...], stamps: Mapping[str, AttributeValue]) -> None:
        """Begin to stamp spans and to hand them to ``targets``."""
        self._targets, self._stamps, self._on = targets, stamps, True

    def switch_off(self) -> None:
        """Hand on what waits, then let spans pass untouched."""
        self._on = False
        targets, self._targets = self._targets, ()
        for target in targets:
            target.shutdown()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Add session, user, metadata and the like, so that spans of any instrumentor carry them."""
        if not self._on:
            return
        try:
            stamps = {**self._stamps, **context_attributes(parent_context)}
            if stamps:
                present = span.attributes or {}
                missing = {key: value for key, value in stamps.items() if key not in present}
                if missing:
                    span.set_attributes(missing)
            for target in self._targets:
                target.on_start(span, parent_context)
        except Exception as fault:
            if not guard.keep("stamping a span", fault):
                raise

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on."""
        if not self._targets:
            return
        hush.on = True  # a full queue is an outage, and that is reported once
        try:
            span = screened(span, current_settings())
            for target in self._targets:
                target.on_end(span)
        finally:
            hush.on = False

    def shutdown(self) -> None:
        """Called by the provider when the app shuts tracing down."""
        self.switch_off()

    def force_flush(self, timeout_millis: int = _EXIT_FLUSH_MS) -> bool:
        """Send what waits; False when that failed or took longer than ``timeout_millis``."""
        done = [target.force_flush(timeout_millis) for target in self._targets]
        return all(done)
