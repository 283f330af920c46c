"""From runs to spans: where a span hangs, what every span carries, and how it ends."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Status, StatusCode, Tracer

from groundtrace import semconv
from groundtrace.attributes import Attributes
from groundtrace.context import context_attributes
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.settings import TraceSettings, current_settings
from groundtrace_integrations.calls import OK, CallTracer
from groundtrace_integrations.langchain.graphs import Threads
from groundtrace_integrations.langchain.metadata import (
    metadata_attributes,
    session_attributes,
    tag_attributes,
)
from groundtrace_integrations.langchain.runs import RUN_KEY, Run, RunMap
from groundtrace_integrations.outcome import is_cancelled, is_control_flow
from groundtrace_integrations.peers import Peers

_OPERATIONS: Final = {
    SpanKind.LLM: GenAIOperation.CHAT.value,
    SpanKind.EMBEDDING: GenAIOperation.EMBEDDINGS.value,
    SpanKind.RETRIEVER: GenAIOperation.RETRIEVAL.value,
    SpanKind.TOOL: GenAIOperation.EXECUTE_TOOL.value,
    SpanKind.AGENT: GenAIOperation.INVOKE_AGENT.value,
}


class RunTracer(CallTracer):
    """Opens and closes the spans of runs. One per instrumented process; safe from any thread."""

    def __init__(
        self,
        tracer: Tracer,
        *,
        settings: TraceSettings | None = None,
        peers: Peers | None = None,
        separate: bool = False,
    ) -> None:
        """``separate`` starts a trace of its own for each run without a parent run, whatever span is current."""
        super().__init__(tracer, settings=settings, peers=peers)
        self._separate = separate
        self.runs = RunMap(self._abandon)
        self.threads = Threads()

    def stop(self) -> None:
        """Record nothing from now on, and end whatever is still open."""
        super().stop()
        for run in self.runs.clear():
            self._abandon(run)

    def begin(
        self,
        kind: SpanKind,
        name: str,
        *,
        parent: Run | None = None,
        plumbing: bool = False,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
    ) -> Run:
        """Start a span. ``parent`` is the LangChain run around it, where one is known."""
        base, attached = self._base(parent)
        around = parent or attached
        settings = self._settings or current_settings()
        if plumbing and around is not None and settings.plumbing == "none":
            run = Run(around.span, kind, settings, around, base)
            run.owned, run.plumbing, run.metadata = False, True, around.metadata
            return run
        # Its attributes are all set at its end, in one go: each call into the span costs.
        span = self._tracer.start_span(name, base)
        run = Run(span, kind, settings, around, base)
        if plumbing and around is not None:
            run.plumbing = True
        run.started_ns = time.time_ns()
        if metadata:
            run.metadata = metadata
        if run.recording:
            self._describe(run, tags)
        if attached is not None and attached.fallbacks is not None:
            attached.fallbacks += 1
            if attached.fallbacks > 1:
                run.attributes[semconv.FALLBACK] = True
        return run

    def begin_step(self, kind: SpanKind, instance: object, around: Run | None) -> Run | None:
        """Start the span of a call that LangChain has no run for, named for the object's class; None while off."""
        if self.off:
            return None
        metadata = around.metadata if around is not None else None
        return self.begin(kind, type(instance).__name__, parent=around, metadata=metadata)

    def end(self, run: Run, attributes: Attributes | None = None, error: BaseException | None = None) -> None:
        """Set what was gathered and end the span; a second end is ignored."""
        if not run.close() or not run.owned:
            return
        if run.recording and run.span.is_recording():
            if attributes:
                run.add(attributes)
            self._conclude(run, error)
        run.span.end()

    def _base(self, parent: Run | None) -> tuple[Context, Run | None]:
        """Return the context that a run begins in, and the run that is attached there."""
        current = get_current()
        inner = cast("Run | None", current.get(RUN_KEY))  # the key is ours, and so is what is under it
        if parent is None:
            return (Context(), None) if self._separate and inner is None else (current, inner)
        if inner is parent:
            # The app may have opened spans of its own below the parent's.
            return current, inner
        if inner is not None and inner.fallbacks is not None and inner.parent is parent:
            # LangChain calls the alternatives with the callbacks of the run around, but inside of its own.
            return current, inner
        # LangChain went to another thread, or on to a frame where nothing was attached.
        base = parent.context_over(Context({**parent.base, **current})) if current else parent.context()
        return base, parent

    def _describe(self, run: Run, tags: Sequence[str] | None) -> None:
        attributes: Attributes = {}
        if not run.plumbing or run.settings.plumbing == "full":
            attributes = context_attributes(run.base)
            if run.metadata:
                attributes.update(session_attributes(run.metadata))
            operation = _OPERATIONS.get(run.kind)
            if operation is not None:
                attributes[semconv.GEN_AI_OPERATION_NAME] = operation
        run.attributes = attributes
        if run.metadata:
            attributes.update(metadata_attributes(run))
        if tags:
            attributes.update(tag_attributes(run, tags))

    def _conclude(self, run: Run, error: BaseException | None) -> None:
        span = run.span
        run.attributes[semconv.SPAN_KIND] = run.kind._value_  # without the detour of an enum's property
        if error is None or is_control_flow(error):
            if run.cancelled or (error is not None and is_cancelled(error)):
                run.attributes[semconv.CANCELLED] = True
            span.set_status(OK)
        else:
            run.attributes[semconv.ERROR_TYPE] = type(error).__qualname__
            span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
            self._record(run, error)
        span.set_attributes(run.attributes)

    def _record(self, run: Run, error: BaseException) -> None:
        # The same error passes every span on its way up; its traceback belongs to the innermost.
        if run.error is not error or run.settings.plumbing == "full":
            run.span.record_exception(error)
        if run.parent is not None:
            run.parent.error = error

    @guarded("ending a run whose end was never told")
    def _abandon(self, run: Run) -> None:
        run.cancelled = True
        self.end(run)
