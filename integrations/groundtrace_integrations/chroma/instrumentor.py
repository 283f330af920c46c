"""Every place in Chroma that is hooked, in one list. Read for 0.4.13 and 1.5.9."""

from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import Any, ClassVar, Final

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.chroma.embedding import begin_embedding
from groundtrace_integrations.chroma.reading import asked, found
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.searching import SearchMethod, around_search
from groundtrace_integrations.watching import watched

_COLLECTIONS: Final[Mapping[str, str]] = {
    "chromadb.api.models.Collection": "Collection",
    "chromadb.api.models.AsyncCollection": "AsyncCollection",  # since 0.5.4
}


class ChromaInstrumentor(LibraryInstrumentor):
    """Records a span for each query of a collection, in this process or on a server, sync or async.

    What a collection encodes by its embedding function has a span, too: a query's text, and the
    documents that are added or changed.

    ``get`` and ``peek`` fetch what the app names: they rank nothing and are no retrieval.
    """

    library: ClassVar[str] = "chroma"
    dependencies: ClassVar[tuple[str, ...]] = ("chromadb >= 0.4.13",)
    peers: ClassVar[tuple[str, ...]] = (
        "opentelemetry.instrumentation.chromadb:ChromaInstrumentor",
        "traceai_chromadb:ChromaDBInstrumentor",
    )

    def _patch(self, patches: Patches, tracer: CallTracer) -> None:
        for module, name in _COLLECTIONS.items():
            when_imported(patches, module, partial(_patch_collection, patches, tracer, name))


def _patch_collection(patches: Patches, tracer: CallTracer, name: str, module: ModuleType) -> None:
    collection: Any = getattr(module, name)
    patches.method(collection, "query", around_search(tracer, SearchMethod(asked, found)))
    # Both sorts of collections share it.
    owner = next((cls for cls in collection.__mro__ if "_embed" in vars(cls)), None)
    if owner is not None:
        patches.method(owner, "_embed", watched(tracer, partial(begin_embedding, tracer)))
