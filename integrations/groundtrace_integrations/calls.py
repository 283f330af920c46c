"""A call into a library, told as one span: opened, current while it runs, closed with what came of it."""

import time
from typing import Final

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context

from groundtrace import semconv
from groundtrace.attributes import Attributes, merge_attributes
from groundtrace.context import context_attributes
from groundtrace.guard import guarded
from groundtrace.scope import COVER_KEY, suppressed
from groundtrace.semconv import SpanKind
from groundtrace.settings import TraceSettings, current_settings
from groundtrace_integrations.outcome import is_cancelled
from groundtrace_integrations.peers import Peers

OK: Final = Status(StatusCode.OK)

# Of several calls below one operation, these add up.
_COUNTS: Final = ("llm.token_count.", "gen_ai.usage.")


class CallTracer:
    """Opens the spans of one library's calls. One per instrumented library; safe from any thread."""

    def __init__(
        self, tracer: Tracer, *, settings: TraceSettings | None = None, peers: Peers | None = None
    ) -> None:
        """Without ``settings`` those of ``groundtrace.instrument()`` hold, as they are at each call."""
        self._tracer = tracer
        self._settings = settings
        self.peers = peers or Peers("", ())
        self.active = True

    @property
    def settings(self) -> TraceSettings:
        """What may go into spans now."""
        return self._settings or current_settings()

    @property
    def off(self) -> bool:
        """Whether nothing may be recorded now: uninstrumented, suppressed, or told by somebody else."""
        return not self.active or self.peers.active() or suppressed()

    def begin_call(self, kind: SpanKind, name: str, operation: str | None = None) -> "Call":
        """Start a span under the current one."""
        base = get_current()
        attributes: Attributes = {semconv.SPAN_KIND: kind.value}
        if operation is not None:
            attributes[semconv.GEN_AI_OPERATION_NAME] = operation
        span = self._tracer.start_span(name, base, attributes={**attributes, **context_attributes(base)})
        return Call(span, kind, base, self.settings)

    def feeds(self, other: object) -> bool:
        """Whether ``other``, a library's own tracer, sends its spans where this one does."""
        return _processor_of(other) is _processor_of(self._tracer) is not None

    def beside(self, peers: Peers) -> "CallTracer":
        """Return another for a part of the library that other vendors trace by themselves."""
        return CallTracer(self._tracer, settings=self._settings, peers=peers)

    def stop(self) -> None:
        """Record nothing from now on."""
        self.active = False


def _processor_of(tracer: object) -> object:
    # A tracer that was made before the app set its provider hands on to the one made since.
    return getattr(getattr(tracer, "_tracer", tracer), "span_processor", None)


class Call:
    """One call that is going on. Ends once, however it ends; what is lost on the way ends with it."""

    __slots__ = (
        "_base",
        "_ended",
        "_first_chunk",
        "_started_ns",
        "attributes",
        "kind",
        "model",
        "settings",
        "span",
    )

    def __init__(self, span: Span, kind: SpanKind, base: Context, settings: TraceSettings) -> None:
        """``base`` is the context that it was made in."""
        self.span = span
        self.kind = kind
        self.settings = settings
        self.model: str | None = None
        self.attributes: Attributes = {}
        self._base = base
        self._started_ns = time.time_ns()
        self._first_chunk = False
        self._ended = False

    @property
    def recording(self) -> bool:
        """Whether it is worth the work to gather attributes."""
        return not self._ended and self.span.is_recording()

    @property
    def ended(self) -> bool:
        """Whether its span has ended."""
        return self._ended

    @property
    def outermost(self) -> bool:
        """Whether this process has no span around it: input and output are then shown on it."""
        parent = getattr(self.span, "parent", None)
        return parent is None or bool(parent.is_remote)

    @property
    def duration_ns(self) -> int:
        """How long it has been going on."""
        return time.time_ns() - self._started_ns

    def context(self) -> Context:
        """Return the context to attach while the call runs."""
        context = set_span_in_context(self.span, self._base)
        # The new context is nobody else's yet.
        dict.__setitem__(context, COVER_KEY, self)
        return context

    def add(self, attributes: Attributes) -> None:
        """Keep more attributes for the span; they are set when it ends."""
        if semconv.TRUNCATED in attributes and semconv.TRUNCATED in self.attributes:
            self.attributes = merge_attributes(self.attributes, attributes)
        else:
            self.attributes.update(attributes)

    def enrich(self, attributes: Attributes) -> None:
        """Add what a layer below found out."""
        enrich(self.attributes, attributes)

    def mark_first_chunk(self) -> None:
        """Note when a stream's first chunk came; later ones change nothing."""
        if self._first_chunk:
            return
        self._first_chunk = True
        now = time.time_ns()
        self.attributes[semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = (now - self._started_ns) / 1e9
        self.span.add_event(semconv.FIRST_TOKEN_EVENT, timestamp=now)

    @guarded("ending a call's span")
    def finish(self) -> None:
        """End the span: all went well."""
        self._end(OK)

    @guarded("ending a cancelled call's span")
    def cancel(self) -> None:
        """End the span: the caller wanted no more of it, which is no failure."""
        if not self._ended:
            self.attributes[semconv.CANCELLED] = True
            self._end(OK)

    @guarded("ending a failed call's span")
    def fail(self, error: BaseException) -> None:
        """End the span with its error."""
        if self._ended:
            return
        if is_cancelled(error):
            self.cancel()
            return
        self.attributes[semconv.ERROR_TYPE] = type(error).__qualname__
        self.span.record_exception(error)
        self._end(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))

    @guarded("ending a call's span that the provider called failed")
    def refuse(self, reason: str, error_type: str) -> None:
        """End the span with an error that came as an answer, not as an exception."""
        if not self._ended:
            self.attributes[semconv.ERROR_TYPE] = error_type
            self._end(Status(StatusCode.ERROR, reason))

    def _end(self, status: Status) -> None:
        if self._ended:
            return
        self._ended = True
        self.span.set_attributes(self.attributes)
        self.span.set_status(status)
        self.span.end()


def enrich(known: Attributes, found: Attributes) -> None:
    """Add to ``known`` what a layer below found: counts add up, what is known already stays."""
    for key, value in found.items():
        before = known.get(key)
        if before is None:
            known[key] = value
        elif isinstance(before, int) and isinstance(value, int) and key.startswith(_COUNTS):
            known[key] = before + value
