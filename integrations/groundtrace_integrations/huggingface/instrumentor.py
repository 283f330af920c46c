"""Every place in huggingface_hub and transformers that is hooked, in one list."""

from functools import partial
from typing import Any, ClassVar, Final

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.huggingface.client import client_wraps
from groundtrace_integrations.huggingface.pipelines import pipeline_wraps
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.peers import Peers

_CLIENTS: Final = {
    "huggingface_hub.inference._client": "InferenceClient",
    "huggingface_hub.inference._generated._async_client": "AsyncInferenceClient",
}
_PIPELINES: Final = {
    "transformers.pipelines.text_generation": "TextGenerationPipeline",
    "transformers.pipelines.feature_extraction": "FeatureExtractionPipeline",
}
# Traces TextGenerationPipeline and nothing of the client, which another traces.
_PIPELINE_PEERS: Final = ("opentelemetry.instrumentation.transformers:TransformersInstrumentor",)


class HuggingFaceInstrumentor(LibraryInstrumentor):
    """Records a span for each call of the inference client, and of transformers' pipelines for text.

    Arguments are those of OpenInference's instrumentors.
    """

    library: ClassVar[str] = "huggingface"
    dependencies: ClassVar[tuple[str, ...]] = ("huggingface-hub >= 0.28",)
    peers: ClassVar[tuple[str, ...]] = ("traceai_huggingface:HuggingFaceInstrumentor",)

    def _patch(self, patches: Patches, tracer: CallTracer) -> None:
        for module, cls in _CLIENTS.items():
            when_imported(patches, module, partial(_patch_class, patches, cls, client_wraps(tracer)))
        local = tracer.beside(Peers("transformers", _PIPELINE_PEERS))
        patches.hook(local.stop)
        for module, cls in _PIPELINES.items():
            when_imported(patches, module, partial(_patch_class, patches, cls, pipeline_wraps(local, cls)))


def _patch_class(patches: Patches, name: str, wraps: dict[str, Any], module: Any) -> None:
    cls = getattr(module, name, None)
    if isinstance(cls, type):
        for method, wrap in wraps.items():
            patches.method(cls, method, wrap)
