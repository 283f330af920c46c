"""Switching LangChain's tracing on and off."""

from collections.abc import Collection
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from uuid import UUID

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.trace import Span

from groundtrace.errors import MissingExtraError
from groundtrace.settings import TraceSettings, current_settings
from groundtrace_integrations.patches import Patches

if TYPE_CHECKING:
    from groundtrace_integrations.langchain.tracer import RunTracer


class LangChainInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Records a span for each step that LangChain takes.

    ``instrument()`` takes what OpenInference's instrumentor of the same name takes:
    ``tracer_provider`` (default: the global one), ``config`` (a ``TraceSettings``, or an OpenInference
    ``TraceConfig``; default: what ``groundtrace.instrument()`` or the environment says),
    ``separate_trace_from_runtime_context`` (a trace of its own for each outermost run, whatever
    span is current) and ``skip_dep_check``.
    """

    _run_tracer: "RunTracer | None" = None
    _patches: Patches | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the versions of LangChain that this works with."""
        return ("langchain-core >= 0.3.9",)

    def get_span(self, run_id: UUID) -> Span | None:
        """Return the span of a run that is going on."""
        run = self._run_tracer.runs.get(run_id) if self._run_tracer else None
        return None if run is None else run.span

    def get_ancestors(self, run_id: UUID) -> list[Span]:
        """Return the spans around a run that is going on, the innermost first."""
        run = self._run_tracer.runs.get(run_id) if self._run_tracer else None
        ancestors = []
        while run is not None and run.parent is not None:
            run = run.parent
            ancestors.append(run.span)
        return ancestors

    def _instrument(self, **kwargs: Any) -> None:
        try:
            from groundtrace_integrations.langchain.patching import patch_langchain
            from groundtrace_integrations.langchain.tracer import RunTracer
        except ImportError as exc:
            if (exc.name or "").startswith("langchain_core"):
                raise MissingExtraError(library="langchain-core", extra="langchain") from exc
            raise
        provider = kwargs.get("tracer_provider") or trace.get_tracer_provider()
        self._run_tracer = RunTracer(
            provider.get_tracer(__name__.rpartition(".")[0], _version()),
            settings=settings_of(kwargs.get("config")),
            separate=bool(kwargs.get("separate_trace_from_runtime_context")),
        )
        self._patches = Patches()
        patch_langchain(self._patches, self._run_tracer)

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002
        run_tracer, patches = self._run_tracer, self._patches
        self._run_tracer = self._patches = None
        if patches is not None:
            patches.undo()
        if run_tracer is not None:
            run_tracer.active = False
            run_tracer.drop_all()


def settings_of(config: object) -> TraceSettings | None:
    """Return the settings that a ``config`` argument stands for; None for none.

    Of an OpenInference ``TraceConfig`` the fields that ours also has are taken.
    """
    if config is None or isinstance(config, TraceSettings):
        return config
    names = [field.name for field in fields(TraceSettings) if field.init]
    given = {
        name: value
        for name in names
        if isinstance(value := getattr(config, name, None), bool | int) and value
    }
    # mypy cannot see that the keys are the model's own fields.
    return replace(current_settings(), **given)  # type: ignore[arg-type]


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


def _version() -> str | None:
    try:
        return version("groundtrace")
    except PackageNotFoundError:
        return None
