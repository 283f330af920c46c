"""Every place in LlamaIndex that is hooked, in one list. Read for 0.14.0 and 0.14.25.

What tells of steps are handlers at the dispatcher, which LlamaIndex offers for that; models' classes
are patched besides, so that a stream's step is current while the stream is read.
"""

from functools import partial
from typing import Any, ClassVar, Final

from opentelemetry.trace import Tracer

from groundtrace.settings import TraceSettings
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.llamaindex.frames import around_stream
from groundtrace_integrations.llamaindex.steps import StepTracer
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.peers import Peers

_STREAM_METHODS: Final = ("stream_chat", "stream_complete", "astream_chat", "astream_complete")
# The dispatcher moved to a package of its own in 0.13; the old place still hands it out.
_DISPATCHERS: Final = ("llama_index_instrumentation", "llama_index.core.instrumentation")


class LlamaIndexInstrumentor(LibraryInstrumentor):
    """Records a span for each step that LlamaIndex takes.

    Arguments are those of OpenInference's instrumentor of the same name.
    """

    library: ClassVar[str] = "llama-index"
    dependencies: ClassVar[tuple[str, ...]] = ("llama-index-core >= 0.14",)
    peers: ClassVar[tuple[str, ...]] = (
        "openinference.instrumentation.llama_index:LlamaIndexInstrumentor",
        "opentelemetry.instrumentation.llamaindex:LlamaIndexInstrumentor",
        "traceai_llamaindex:LlamaIndexInstrumentor",
    )

    _call_tracer: StepTracer | None = None

    def _tracer_of(
        self,
        tracer: Tracer,
        settings: TraceSettings | None,
        arguments: dict[str, Any],  # noqa: ARG002
    ) -> StepTracer:
        return StepTracer(tracer, settings=settings, peers=Peers(self.library, self.peers))

    def _patch(self, patches: Patches, tracer: StepTracer) -> None:
        for name in _DISPATCHERS:
            when_imported(patches, name, partial(_patch_dispatcher, patches, tracer))
        when_imported(patches, "llama_index.core.base.llms.base", partial(_patch_models, patches, tracer))


def _patch_dispatcher(patches: Patches, tracer: StepTracer, module: Any) -> None:
    from groundtrace_integrations.llamaindex.handler import GroundtraceEventHandler, GroundtraceSpanHandler

    dispatcher = module.get_dispatcher()
    if any(isinstance(handler, GroundtraceSpanHandler) for handler in dispatcher.span_handlers):
        return
    span_handler, event_handler = GroundtraceSpanHandler(tracer), GroundtraceEventHandler(tracer)
    dispatcher.add_span_handler(span_handler)
    dispatcher.add_event_handler(event_handler)

    def take_back() -> None:
        dispatcher.span_handlers = [h for h in dispatcher.span_handlers if h is not span_handler]
        dispatcher.event_handlers = [h for h in dispatcher.event_handlers if h is not event_handler]

    patches.hook(take_back)


def _patch_models(patches: Patches, tracer: StepTracer, module: Any) -> None:
    patches.subclasses(module.BaseLLM, {name: around_stream(tracer) for name in _STREAM_METHODS})
