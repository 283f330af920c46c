"""LlamaIndex's dispatcher, told as steps."""

import inspect
from typing import Any, Final

from pydantic import PrivateAttr

from groundtrace import semconv
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace_integrations.llamaindex import frames, models
from groundtrace_integrations.llamaindex.kinds import role_of
from groundtrace_integrations.llamaindex.reading import asked_attributes, result_attributes
from groundtrace_integrations.llamaindex.steps import Step, StepTracer

try:  # since 0.13 a package of its own, which workflows use without LlamaIndex's core
    from llama_index_instrumentation.event_handlers import BaseEventHandler
    from llama_index_instrumentation.span_handlers import BaseSpanHandler
except ImportError:
    from llama_index.core.instrumentation.event_handlers import BaseEventHandler
    from llama_index.core.instrumentation.span_handlers import BaseSpanHandler


class GroundtraceSpanHandler(BaseSpanHandler[Any]):
    """Opens a span for each step and closes it; the step is current in between, in LlamaIndex's own frame."""

    _tracer: StepTracer = PrivateAttr()

    def __init__(self, tracer: StepTracer) -> None:
        """Steps are opened and closed through ``tracer``."""
        super().__init__()
        self._tracer = tracer

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,  # noqa: ARG002 - the interface's
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Open a step."""
        with guarded("starting a LlamaIndex step's span"):
            if self._tracer.off:
                return
            method = _method(id_)
            cls: Any = type(instance)
            # Before 0.13 the id names the class that a method was inherited from.
            name = id_.partition("-")[0] if instance is None else f"{cls.__name__}.{method}"
            step = self._tracer.enter(id_, parent_id, role_of(cls, method), name, instance)
            if step is not None and step.recording:
                with guarded("reading a step's arguments"):
                    step.add(asked_attributes(step, method, bound_args.arguments))

    def span_exit(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Close a step with what it returned, or let it go on with its stream."""
        with guarded("ending a LlamaIndex step's span"):
            step = self._tracer.leave(id_)
            if step is None:
                return
            if step.kind is SpanKind.LLM and frames.is_stream(result):
                self._tracer.begin_stream(id_, step, result)
            elif not frames.hold(step, result):
                if step.recording and not step.plumbing:
                    with guarded("reading a step's result"):
                        step.add(result_attributes(step, bound_args.arguments, result))
                step.finish()
            if frames.writes(_method(id_)):
                frames.release(instance)

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,  # noqa: ARG002
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Close a step with its error."""
        with guarded("ending a failed LlamaIndex step's span"):
            step = self._tracer.leave(id_)
            if step is None:
                return
            error = err or RuntimeError("dropped by LlamaIndex's dispatcher")
            step.fail(error)
            if frames.writes(_method(id_)):
                frames.release(instance, error)

    def new_span(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: ``span_enter`` does it all."""

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: ``span_exit`` does it all."""

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: ``span_drop`` does it all."""


class GroundtraceEventHandler(BaseEventHandler):
    """Reads what models are asked and answer; the rest of the steps tell by their arguments."""

    _tracer: StepTracer = PrivateAttr()

    def __init__(self, tracer: StepTracer) -> None:
        """Events are read into the steps of ``tracer``."""
        super().__init__()
        self._tracer = tracer

    @classmethod
    def class_name(cls) -> str:
        """Return the handler's name."""
        return "GroundtraceEventHandler"

    def handle(self, event: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the interface's
        """Take note of an event."""
        read = _READERS.get(type(event).__name__)
        if read is None:
            return
        with guarded("reading a model's event"):
            step = self._tracer.step_of(event.span_id)
            if step is not None and step.kind is SpanKind.LLM:
                read(self._tracer, step, event)


def _asked(tracer: StepTracer, step: Step, event: Any) -> None:  # noqa: ARG001
    if not step.recording:
        return
    settings = step.settings
    asked = models.request_attributes(step.instance, event.model_dict, event.additional_kwargs, settings)
    step.add(asked)
    outermost = step.outermost
    if hasattr(event, "messages"):
        step.add(models.chat_attributes(event.messages, settings, outermost=outermost))
    else:
        step.attributes[semconv.GEN_AI_OPERATION_NAME] = GenAIOperation.TEXT_COMPLETION.value
        step.add(models.prompt_attributes(event.prompt, settings, outermost=outermost))


def _chunk(tracer: StepTracer, step: Step, event: Any) -> None:  # noqa: ARG001
    step.mark_first_chunk()
    step.last = event.response


def _answered(tracer: StepTracer, step: Step, event: Any) -> None:
    _read_answer(step, event.response)
    tracer.end_stream(event.span_id)


def _broken(tracer: StepTracer, step: Step, event: Any) -> None:
    _read_answer(step, step.last)
    tracer.end_stream(event.span_id, event.exception)


def _read_answer(step: Step, response: Any) -> None:
    if response is not None and step.recording:
        with guarded("reading a model's answer"):
            for around in step.around():
                around.said = models.answer_text(response)
            step.add(models.response_attributes(response, step.settings, outermost=step.outermost))


_READERS: Final = {
    "LLMChatStartEvent": _asked,
    "LLMCompletionStartEvent": _asked,
    "LLMChatInProgressEvent": _chunk,
    "LLMCompletionInProgressEvent": _chunk,
    "LLMChatEndEvent": _answered,
    "LLMCompletionEndEvent": _answered,
    "ExceptionEvent": _broken,
}


def _method(span_id: str) -> str:
    """Return the method's name in ``Class.method-uuid``."""
    return span_id.partition("-")[0].rpartition(".")[2]
