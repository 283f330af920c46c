"""A step of a pipeline while it runs: its span, and what all kinds of steps share."""

import copy
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, ParamSpec, Self, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import INVALID_SPAN, Span, Status, StatusCode, set_span_in_context

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    AttributeValue,
    input_attributes,
    merge_attributes,
    output_attributes,
)
from groundtrace.context import context_attributes
from groundtrace.guard import guarded
from groundtrace.scope import COVER_KEY, detach_quietly, suppressed
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.settings import TraceSettings, current_settings
from groundtrace.text import redacted

P = ParamSpec("P")
R = TypeVar("R")

# Resolves to the provider that is set later, so it can be made at import.
_TRACER: Final = trace.get_tracer("groundtrace")
_UNSTARTED: Final = TraceSettings(content="none")
# asyncio's and anyio's; named, so that neither has to be imported.
_CANCELLATIONS: Final = frozenset({"CancelledError", "Cancelled"})


class Step:
    """One step; a context manager for a block, a decorator for a function.

    As a decorator it makes a fresh step each call, takes the arguments as input and the result as
    output, for functions, coroutines, generators and async generators alike; a stream's span
    ends with the stream. No method raises into the app.
    """

    kind: ClassVar[SpanKind]
    operation: ClassVar[GenAIOperation | None] = None
    covering: ClassVar[bool] = False
    """Whether a vector store's client inside it is a part of it, and makes no span of its own."""

    def __init__(self, name: str | None, given: Mapping[str, AttributeValue | None]) -> None:
        self._name = name
        self._given = {key: value for key, value in given.items() if value is not None}
        self._settings = _UNSTARTED
        self._span: Span = INVALID_SPAN
        self._context: Context = get_current()
        self._cut: tuple[str, ...] = ()
        self._token: Any = None

    # --- what the app may call

    @property
    def span(self) -> Span:
        """The OpenTelemetry span; an invalid one before the start and where tracing is off."""
        return self._span

    @property
    def trace_id(self) -> str | None:
        """The trace's id, 32 hex digits, for ``groundtrace.feedback``; None where tracing is off."""
        span_context = self._span.get_span_context()
        return format(span_context.trace_id, "032x") if span_context.is_valid else None

    @guarded("setting a step's input")
    def set_input(self, value: object) -> None:
        """Record what the step was given: text as it is, anything else as JSON."""
        if self._span.is_recording():
            self._put(input_attributes(value, self._settings))

    @guarded("setting a step's output")
    def set_output(self, value: object) -> None:
        """Record what the step gave: text as it is, anything else as JSON."""
        if self._span.is_recording():
            self._put(output_attributes(value, self._settings))

    @guarded("setting a step's attribute")
    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Record one attribute under a key of your own, as it is."""
        self._span.set_attribute(key, value)

    @guarded("setting a step's attempt")
    def set_attempt(self, number: int) -> None:
        """Record which attempt this is, counted from 1: a first one is no retry and leaves no mark."""
        if number > 1:
            self._span.set_attribute(semconv.RETRY_ATTEMPT, number)

    # --- context manager and decorator

    def __enter__(self) -> Self:
        self.start()
        self._token = attach(self._context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            detach_quietly(token)
        self.finish(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate ``function``: every call becomes a step like this one."""
        from groundtrace.steps.wrap import wrap

        return wrap(function, self)

    # --- the span's life, for wrap()

    def fresh(self, name: str) -> Self:
        """Return an unstarted copy, called ``name`` unless this step has a name."""
        step = copy.copy(self)
        step._name = self._name or name  # noqa: SLF001 - a copy of our own class
        return step

    @property
    def context(self) -> Context:
        """The context that must be current inside the step."""
        return self._context

    @guarded("starting a span")
    def start(self) -> None:
        """Begin the span, without making it current."""
        self._span, self._context, self._cut = INVALID_SPAN, get_current(), ()
        self._settings = current_settings()
        self._begin()
        if suppressed():
            return
        self._span = _TRACER.start_span(
            self._name or self.kind.value.lower(), attributes=self._first_attributes()
        )
        self._context = set_span_in_context(self._span)
        if self.covering:
            self._context = Context({**self._context, COVER_KEY: self})
        if self._span.is_recording():
            self._put(self._given_attributes())

    def _first_attributes(self) -> Attributes:
        attributes: Attributes = {semconv.SPAN_KIND: self.kind.value}
        if self.operation is not None:
            attributes[semconv.GEN_AI_OPERATION_NAME] = self.operation.value
        attributes.update(context_attributes())
        attributes.update(self._given)
        return attributes

    @guarded("ending a span")
    def finish(self, error: BaseException | None = None) -> None:
        """End the span: OK, cancelled (OK with a mark), or the error."""
        span = self._span
        if not span.is_recording():
            return
        try:
            self._put(self._last_attributes())
        finally:
            if error is None:
                span.set_status(Status(StatusCode.OK))
            elif is_cancellation(error):
                span.set_attribute(semconv.CANCELLED, True)  # noqa: FBT003 - OpenTelemetry's signature
                span.set_status(Status(StatusCode.OK))
            else:
                record_error(span, error, self._settings)
            span.end()

    # --- what a kind of step adds

    def _begin(self) -> None:
        """Forget what an earlier run of this object collected."""

    def _given_attributes(self) -> Attributes:
        """Attributes of what the constructor was given."""
        return {}

    def _last_attributes(self) -> Attributes:
        """Attributes of what was collected while the step ran."""
        return {}

    @guarded("reading a call's arguments")
    def take_arguments(self, arguments: Mapping[str, object]) -> None:
        """Record the arguments of a decorated call."""
        if self._span.is_recording():
            self._read_arguments(arguments)

    def _read_arguments(self, arguments: Mapping[str, object]) -> None:
        self.set_input(next(iter(arguments.values())) if len(arguments) == 1 else dict(arguments))

    @guarded("reading a call's result")
    def take_result(self, result: object) -> None:
        """Record the result of a decorated call."""
        if self._span.is_recording():
            self._read_result(result)

    def _read_result(self, result: object) -> None:
        self.set_output(result)

    @guarded("reading a stream's item")
    def take_item(self, item: object) -> None:
        """Record one item of a stream."""
        if self._span.is_recording():
            self._read_item(item)

    def _read_item(self, item: object) -> None:
        """Collect one item of a stream."""

    def _put(self, attributes: Attributes) -> None:
        if not attributes:
            return
        if semconv.TRUNCATED in attributes:
            attributes = merge_attributes({semconv.TRUNCATED: self._cut}, attributes)
            self._cut = attributes[semconv.TRUNCATED]  # type: ignore[assignment]
        self._span.set_attributes(attributes)


def is_cancellation(error: BaseException) -> bool:
    """Whether the consumer left early or the task was cancelled: no fault of the step's."""
    return isinstance(error, GeneratorExit) or (
        not isinstance(error, Exception) and type(error).__name__ in _CANCELLATIONS
    )


def record_error(span: Span, error: BaseException, settings: TraceSettings) -> None:
    """Set status, ``error.type`` and the exception event; its words only as far as content allows."""
    kind = type(error).__name__
    words: dict[str, str] = {}
    if not settings.texts:
        words = {"exception.message": "", "exception.stacktrace": ""}
    elif settings.redact:
        import traceback

        trail = "".join(traceback.format_exception(error))
        words = {
            "exception.message": redacted(str(error), settings),
            "exception.stacktrace": redacted(trail, settings),
        }
    message = words.get("exception.message", str(error))
    span.record_exception(error, attributes=words)
    span.set_attribute(semconv.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, f"{kind}: {message}" if message else kind))
