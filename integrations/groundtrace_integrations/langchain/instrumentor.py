"""Switching LangChain's tracing on and off."""

from typing import Any, ClassVar
from uuid import UUID

from opentelemetry.trace import Span, Tracer

from groundtrace.settings import TraceSettings
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.langchain.patching import patch_langchain
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.peers import Peers


class LangChainInstrumentor(LibraryInstrumentor):
    """Records a span for each step that LangChain takes.

    ``instrument()`` takes what OpenInference's instrumentor of the same name takes, so also
    ``separate_trace_from_runtime_context``: a trace of its own for each outermost run, whatever
    span is current.
    """

    library: ClassVar[str] = "langchain"
    dependencies: ClassVar[tuple[str, ...]] = ("langchain-core >= 0.3.9",)
    peers: ClassVar[tuple[str, ...]] = (
        "openinference.instrumentation.langchain:LangChainInstrumentor",
        "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
        "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor",
        "traceai_langchain:LangChainInstrumentor",
    )

    _call_tracer: RunTracer | None = None

    def get_span(self, run_id: UUID) -> Span | None:
        """Return the span of a run that is going on."""
        run = self._call_tracer.runs.get(run_id) if self._call_tracer else None
        return None if run is None else run.span

    def get_ancestors(self, run_id: UUID) -> list[Span]:
        """Return the spans around a run that is going on, the innermost first."""
        run = self._call_tracer.runs.get(run_id) if self._call_tracer else None
        ancestors = []
        while run is not None and run.parent is not None:
            run = run.parent
            ancestors.append(run.span)
        return ancestors

    def _tracer_of(
        self, tracer: Tracer, settings: TraceSettings | None, arguments: dict[str, Any]
    ) -> RunTracer:
        return RunTracer(
            tracer,
            settings=settings,
            peers=Peers(self.library, self.peers),
            separate=bool(arguments.get("separate_trace_from_runtime_context")),
        )

    def _patch(self, patches: Patches, tracer: RunTracer) -> None:
        patch_langchain(patches, tracer)


def get_current_span() -> Span | None:
    """Return the span of the LangChain run whose code is running; None outside of one."""
    run_id = _current_run_id()
    return None if run_id is None else LangChainInstrumentor().get_span(run_id)


def get_ancestor_spans() -> list[Span] | None:
    """Return the spans around the current run, the innermost first; None outside of a run."""
    run_id = _current_run_id()
    return None if run_id is None else LangChainInstrumentor().get_ancestors(run_id)


def _current_run_id() -> UUID | None:
    from langchain_core.runnables.config import var_child_runnable_config

    config = var_child_runnable_config.get()
    run_id = getattr(config.get("callbacks"), "parent_run_id", None) if config else None
    return run_id if isinstance(run_id, UUID) else None
