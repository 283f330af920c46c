"""What every instrumentor of groundtrace shares: OpenTelemetry's contract, settings, on and off."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.trace import Tracer

from groundtrace.settings import TraceSettings, current_settings
from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.peers import Peers


class LibraryInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """An OpenTelemetry instrumentor of one library.

    ``instrument()`` takes what OpenInference's instrumentors take: ``tracer_provider`` (default: the
    global one), ``config`` (a ``TraceSettings``, or an OpenInference ``TraceConfig``; default: what
    ``groundtrace.instrument()`` or the environment says) and ``skip_dep_check``. It imports nothing
    of the library: each module is patched when the app imports it.
    """

    library: ClassVar[str]
    dependencies: ClassVar[tuple[str, ...]]
    peers: ClassVar[Sequence[str]] = ()

    _call_tracer: CallTracer | None = None
    _patches: Patches | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the versions of the library that this works with."""
        return self.dependencies

    def _instrument(self, **kwargs: Any) -> None:
        provider = kwargs.get("tracer_provider") or trace.get_tracer_provider()
        tracer = provider.get_tracer(f"groundtrace_integrations.{self.library}", _version())
        call_tracer = self._tracer_of(tracer, settings_of(kwargs.get("config")), kwargs)
        call_tracer.peers.active()  # said at the start, where somebody reads it
        self._call_tracer, self._patches = call_tracer, Patches()
        self._patch(self._patches, call_tracer)

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002
        call_tracer, patches = self._call_tracer, self._patches
        self._call_tracer = self._patches = None
        if patches is not None:
            patches.undo()
        if call_tracer is not None:
            call_tracer.stop()

    def _tracer_of(
        self,
        tracer: Tracer,
        settings: TraceSettings | None,
        arguments: dict[str, Any],  # noqa: ARG002
    ) -> CallTracer:
        """Return what opens this library's spans; ``arguments`` are those of ``instrument()``."""
        return CallTracer(tracer, settings=settings, peers=Peers(self.library, self.peers))

    def _patch(self, patches: Patches, tracer: Any) -> None:
        """Hook the library."""
        raise NotImplementedError


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


def _version() -> str | None:
    try:
        return version("groundtrace")
    except PackageNotFoundError:
        return None
