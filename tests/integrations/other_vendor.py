"""An instrumentor of somebody else."""

from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]


class OtherVendors(BaseInstrumentor):  # type: ignore[misc]
    """As all of them are made; it does nothing but say that it is on."""

    def instrumentation_dependencies(self) -> tuple[str, ...]:
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        pass

    def _uninstrument(self, **kwargs: Any) -> None:
        pass
