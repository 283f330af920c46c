"""Every place in sentence-transformers that is hooked, in one list."""

from functools import partial
from typing import Any, ClassVar, Final

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.sentence_transformers.encoding import encoder_wraps
from groundtrace_integrations.sentence_transformers.reranking import cross_encoder_wraps

# The later two came with 5.0 and 6.0. A method that a class inherits is wrapped where it is defined.
_ENCODERS: Final = ("SentenceTransformer", "SparseEncoder", "MultiVectorEncoder")


class SentenceTransformersInstrumentor(LibraryInstrumentor):
    """Records a span for each encoding and each reranking of sentence-transformers.

    Nobody else does so far; arguments are those of OpenInference's instrumentors.
    """

    library: ClassVar[str] = "sentence_transformers"
    dependencies: ClassVar[tuple[str, ...]] = ("sentence-transformers >= 3.0",)

    def _patch(self, patches: Patches, tracer: CallTracer) -> None:
        when_imported(patches, "sentence_transformers", partial(_patch_models, patches, tracer))


def _patch_models(patches: Patches, tracer: CallTracer, module: Any) -> None:
    for name in _ENCODERS:
        for method, wrap in encoder_wraps(tracer).items():
            _patch_class(patches, getattr(module, name, None), method, wrap)
    for method, wrap in cross_encoder_wraps(tracer).items():
        _patch_class(patches, module.CrossEncoder, method, wrap)


def _patch_class(patches: Patches, cls: Any, method: str, wrap: Any) -> None:
    if isinstance(cls, type):
        patches.method(cls, method, wrap)
