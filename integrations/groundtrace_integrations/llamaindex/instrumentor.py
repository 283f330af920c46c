"""Switching LlamaIndex's tracing on and off."""

from typing import Any, ClassVar

from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.patches import Patches


class LlamaIndexInstrumentor(LibraryInstrumentor):
    """Records a span for each step that LlamaIndex takes.

    Arguments are those of OpenInference's instrumentor of the same name.
    """

    library: ClassVar[str] = "llama-index"
    dependencies: ClassVar[tuple[str, ...]] = ("llama-index-core >= 0.11",)
    peers: ClassVar[tuple[str, ...]] = (
        "openinference.instrumentation.llama_index:LlamaIndexInstrumentor",
        "opentelemetry.instrumentation.llamaindex:LlamaIndexInstrumentor",
        "traceai_llamaindex:LlamaIndexInstrumentor",
    )

    def _patch(self, patches: Patches, tracer: Any) -> None:
        """Hook the dispatcher."""
