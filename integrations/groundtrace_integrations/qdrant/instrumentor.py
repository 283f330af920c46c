"""Every place in Qdrant's client that is hooked, in one list. Read for 1.7.0, 1.10.0 and 1.20.0."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Final

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.qdrant.embedding import begin_embedding
from groundtrace_integrations.qdrant.reading import asked, asked_batch, found, found_batch
from groundtrace_integrations.searching import SearchMethod, around_search
from groundtrace_integrations.watching import watched

_ONE: Final = SearchMethod(asked, found)
_BATCH: Final = SearchMethod(asked_batch, found_batch)

_METHODS: Final[Mapping[str, SearchMethod]] = {
    "query_points": _ONE,  # since 1.10
    "query_points_groups": _ONE,
    "query_batch_points": _BATCH,
    # Gone by 1.17.
    "search": _ONE,
    "search_groups": _ONE,
    "search_batch": _BATCH,
    "recommend": _ONE,
    "recommend_groups": _ONE,
    "recommend_batch": _BATCH,
    "discover": _ONE,
    "discover_batch": _BATCH,
    # By text, through fastembed.
    "query": _ONE,
    "query_batch": _BATCH,
}


class QdrantInstrumentor(LibraryInstrumentor):
    """Records a span for each query through Qdrant's client, sync or async, on a server or in this process.

    ``retrieve`` and ``scroll`` fetch what the app names: they rank nothing and are no retrieval.
    """

    library: ClassVar[str] = "qdrant"
    dependencies: ClassVar[tuple[str, ...]] = ("qdrant-client >= 1.7",)
    peers: ClassVar[tuple[str, ...]] = (
        "opentelemetry.instrumentation.qdrant:QdrantInstrumentor",
        "traceai_qdrant:QdrantInstrumentor",
    )

    def _patch(self, patches: Patches, tracer: CallTracer) -> None:
        when_imported(patches, "qdrant_client", partial(_patch_clients, patches, tracer))
        # Later than 1.7; the client imports it with itself, and fastembed only when that is used.
        when_imported(patches, "qdrant_client.embed.embedder", partial(_patch_embedder, patches, tracer))


def _patch_embedder(patches: Patches, tracer: CallTracer, module: Any) -> None:
    patches.method(module.Embedder, "embed", watched(tracer, partial(begin_embedding, tracer)))


def _patch_clients(patches: Patches, tracer: CallTracer, qdrant: Any) -> None:
    for client in (qdrant.QdrantClient, qdrant.AsyncQdrantClient):
        for name, method in _METHODS.items():
            owner = next((cls for cls in client.__mro__ if name in vars(cls)), None)
            if owner is not None:
                patches.method(owner, name, around_search(tracer, method))
