"""From LlamaIndex's steps to spans: where a span hangs, when it is current, and how it ends."""

import threading
import weakref
from collections.abc import Iterator
from contextvars import Token
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.context import Context, attach, create_key, get_current
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context

from groundtrace import semconv
from groundtrace.attributes import Attributes, output_attributes
from groundtrace.context import context_attributes
from groundtrace.guard import guarded
from groundtrace.scope import COVER_KEY, detach_quietly
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.settings import TraceSettings
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.llamaindex.kinds import Role
from groundtrace_integrations.outcome import is_cancelled, is_control_flow
from groundtrace_integrations.peers import Peers
from groundtrace_integrations.shown import ShownDocuments

MAX_OPEN_STEPS: Final = 4_096
"""Beyond this many, the oldest step is taken for one whose end will never be told."""

STEP_KEY: Final = create_key("groundtrace-llama-index-step")

_OPERATIONS: Final = {
    SpanKind.LLM: GenAIOperation.CHAT.value,
    SpanKind.EMBEDDING: GenAIOperation.EMBEDDINGS.value,
    SpanKind.RETRIEVER: GenAIOperation.RETRIEVAL.value,
    SpanKind.TOOL: GenAIOperation.EXECUTE_TOOL.value,
    SpanKind.AGENT: GenAIOperation.INVOKE_AGENT.value,
}
# What a client below these does is the same operation once more.
_COVERING: Final = frozenset({SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.RETRIEVER, SpanKind.RERANKER})


class Step(Call):
    """One step that is going on.

    A step that hands out a stream goes on until the stream's end.
    """

    __slots__ = ("error", "instance", "last", "parent", "plumbing", "said", "shown")

    def __init__(
        self, span: Span, kind: SpanKind, base: Context, settings: TraceSettings, *, parent: "Step | None"
    ) -> None:
        """``base`` is the context that it was made in."""
        super().__init__(span, kind, base, settings)
        self.parent = parent
        self.instance: object = None
        self.plumbing = False
        self.said: str | None = None  # by the model inside of it, last
        self.last: object = None  # what a model's stream gave last
        self.error: BaseException | None = None
        # All steps of a trace share it.
        self.shown: ShownDocuments = ShownDocuments() if parent is None else parent.shown

    def context(self) -> Context:
        """Return the context to attach while the step's code runs."""
        return self.context_over(self._base)

    def context_over(self, base: Context) -> Context:
        """Return ``base`` with this step's span current."""
        context = set_span_in_context(self.span, base)
        # The new context is nobody else's yet.
        dict.__setitem__(context, STEP_KEY, self)
        dict.__setitem__(context, COVER_KEY, self if self.kind in _COVERING else None)
        return context

    def around(self) -> Iterator["Step"]:
        """Yield the steps around this one, the innermost first."""
        step = self.parent
        while step is not None:
            yield step
            step = step.parent

    def add_output(self, value: object) -> None:
        """Keep what came out, where the step shows it and it is not known already."""
        if (
            value is not None
            and self.recording
            and not self.plumbing
            and semconv.OUTPUT_VALUE not in self.attributes
        ):
            self.add(output_attributes(value, self.settings))

    def within(self, kind: SpanKind) -> bool:
        """Whether this step or one around it is of ``kind``."""
        return self.kind is kind or any(step.kind is kind for step in self.around())

    @guarded("ending a failed step's span")
    def fail(self, error: BaseException) -> None:
        """End the span with its error, unless that only steers the app."""
        if is_cancelled(error):
            self.cancel()
        elif is_control_flow(error):
            self.finish()
        elif not self._ended:
            self.attributes[semconv.ERROR_TYPE] = type(error).__qualname__
            # The same error passes every span on its way up; its traceback belongs to the innermost.
            if self.error is not error or self.settings.plumbing == "full":
                self.span.record_exception(error)
            if self.parent is not None:
                self.parent.error = error
            self._end(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))


@dataclass(frozen=True, slots=True)
class _Entered:
    """What LlamaIndex has entered by one id: a step, or the inside of one."""

    step: Step
    token: Token[Context] | None
    own: bool


class StepTracer(CallTracer):
    """Opens and closes the spans of steps. One per instrumented process; safe from any thread."""

    def __init__(
        self, tracer: Tracer, *, settings: TraceSettings | None = None, peers: Peers | None = None
    ) -> None:
        """Without ``settings`` those of ``groundtrace.instrument()`` hold, as they are at each step."""
        super().__init__(tracer, settings=settings, peers=peers)
        self._entered: dict[str, _Entered] = {}
        self._streaming: dict[str, Step] = {}
        self._streams: weakref.WeakKeyDictionary[Any, Step] = weakref.WeakKeyDictionary()
        self._lock = threading.RLock()

    @property
    def open_steps(self) -> int:
        """How many steps are going on, streams included."""
        return len(self._entered) + len(self._streaming)

    def stop(self) -> None:
        """Record nothing from now on, and end whatever is still open."""
        super().stop()
        with self._lock:
            steps = [*(entered.step for entered in self._entered.values()), *self._streaming.values()]
            self._entered.clear()
            self._streaming.clear()
        for step in steps:
            step.cancel()

    def enter(
        self, span_id: str, parent_id: str | None, role: Role, name: str, instance: object
    ) -> Step | None:
        """Open a step and make it current; None when it is the inside of the one around it."""
        around = self._around(parent_id)
        settings = self.settings
        if around is not None and _is_inside(around, role, instance, settings):
            self._remember(span_id, _Entered(around, None, own=False))
            return None
        base = _base(around)
        attributes: Attributes = {semconv.SPAN_KIND: role.kind.value}
        if role.kind in _OPERATIONS:
            attributes[semconv.GEN_AI_OPERATION_NAME] = _OPERATIONS[role.kind]
        plumbing = role.plumbing and around is not None and settings.plumbing != "full"
        if not plumbing:
            attributes.update(context_attributes(base))
        span = self._tracer.start_span(name, base, attributes=attributes)
        step = Step(span, role.kind, base, settings, parent=around)
        step.instance, step.plumbing = instance, plumbing
        # A workflow's run may end in another frame than it began in; its steps find it by its id.
        token = None if _is_workflow_run(name, instance) else attach(step.context())
        self._remember(span_id, _Entered(step, token, own=True))
        return step

    def leave(self, span_id: str) -> Step | None:
        """Return the step that ends with this id, current no more; None for the inside of one."""
        with self._lock:
            entered = self._entered.pop(span_id, None)
        if entered is None:
            return None
        if entered.token is not None:
            detach_quietly(entered.token)
        return entered.step if entered.own else None

    def step_of(self, span_id: str | None) -> Step | None:
        """Return the step with this id that is going on, or whose stream is."""
        if span_id is None:
            return None
        entered = self._entered.get(span_id)
        if entered is not None:
            return entered.step if entered.own else None
        return self._streaming.get(span_id)

    def begin_stream(self, span_id: str, step: Step, stream: object) -> None:
        """Let a model's step go on until its stream ends, or is dropped."""
        with self._lock:
            self._streaming[span_id] = step
            self._streams[stream] = step
        weakref.finalize(stream, self._dropped, span_id).atexit = False

    def step_of_stream(self, stream: object) -> Step | None:
        """Return the step that handed out ``stream``."""
        return self._streams.pop(stream, None)

    def end_stream(self, span_id: str, error: BaseException | None = None) -> None:
        """End a model's step with its stream."""
        with self._lock:
            step = self._streaming.pop(span_id, None)
        if step is None:
            return
        if error is None:
            step.finish()
        else:
            step.fail(error)

    @guarded("ending a stream that nobody read")
    def _dropped(self, span_id: str) -> None:
        self.end_stream(span_id, GeneratorExit())

    def _around(self, parent_id: str | None) -> Step | None:
        entered = self._entered.get(parent_id) if parent_id is not None else None
        return current_step() if entered is None else entered.step

    def _remember(self, span_id: str, entered: _Entered) -> None:
        oldest: _Entered | None = None
        with self._lock:
            if len(self._entered) >= MAX_OPEN_STEPS:
                oldest = self._entered.pop(next(iter(self._entered)))
            self._entered[span_id] = entered
        if oldest is not None and oldest.own:
            oldest.step.cancel()


def current_step() -> Step | None:
    """Return the step whose code is running."""
    step = get_current().get(STEP_KEY)
    return step if isinstance(step, Step) and not step.ended else None


def _is_inside(around: Step, role: Role, instance: object, settings: TraceSettings) -> bool:
    """Whether a step is the one around it once more: the same object's inner method, or plumbing not asked for."""
    if role.plumbing and settings.plumbing == "none":
        return True
    return instance is not None and around.instance is instance and around.kind is role.kind


def _is_workflow_run(name: str, instance: object) -> bool:
    return name.endswith(".run") and any(cls.__name__ == "Workflow" for cls in type(instance).__mro__)


def _base(around: Step | None) -> Context:
    current = get_current()
    if around is None or current.get(STEP_KEY) is around:
        # The app may have opened spans of its own below the step's.
        return current
    # LlamaIndex went on in another thread or task, where nothing was attached.
    return around.context_over(current)
