"""Zero code: ``opentelemetry-instrument python app.py`` does what ``groundtrace.instrument()`` does.

OpenTelemetry's command asks a distro which instrumentors to load and a configurator to set up
tracing; both are found through entry points named ``groundtrace``. Where several are installed,
``OTEL_PYTHON_DISTRO`` and ``OTEL_PYTHON_CONFIGURATOR`` choose.
"""

from typing import Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]

from groundtrace.instrumenting import instrument
from groundtrace.integrations import PREFIX


class GroundtraceDistro(BaseDistro):  # type: ignore[misc]
    """Loads the instrumentors of other packages; groundtrace's own are switched on by ``instrument()``."""

    def _configure(self, **kwargs: Any) -> None:
        """Set nothing: ``instrument()`` reads the environment as it is."""

    def load_instrumentor(self, entry_point: Any, **kwargs: Any) -> None:
        """Switch on an instrumentor that somebody else installed."""
        if not entry_point.name.startswith(PREFIX):
            super().load_instrumentor(entry_point, **kwargs)


class GroundtraceConfigurator:
    """Sets tracing up."""

    def configure(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Call ``groundtrace.instrument()``."""
        instrument()
