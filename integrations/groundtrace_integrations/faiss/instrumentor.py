"""Every place in FAISS that is hooked, in one list. Read for 1.7.3 and 1.15.1."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType
from typing import Any, ClassVar, Final

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.faiss.reading import asked, range_reader, search_reader
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.searching import SearchMethod, around_search

_SEARCHES: Final = ("search", "search_and_reconstruct", "range_search")
# One module, a distribution for each sort of machine.
_BUILDS: Final = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-gpu-cu11", "faiss-gpu-cuvs")
# PyTorch's bridge puts methods of its own in the place of those that take arrays.
_MODULES: Final = ("faiss", "faiss.contrib.torch_utils")


class FAISSInstrumentor(LibraryInstrumentor):
    """Records a span for each search of an index: float and binary, flat, IVF, HNSW, with ids or without."""

    library: ClassVar[str] = "faiss"

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the build of FAISS that is installed here, else the one that runs anywhere."""
        build = next((name for name in _BUILDS if _is_installed(name)), _BUILDS[0])
        return (f"{build} >= 1.7.3",)

    def _patch(self, patches: Patches, tracer: CallTracer) -> None:
        for name in _MODULES:
            when_imported(patches, name, partial(_patch_indexes, patches, tracer))


def _patch_indexes(patches: Patches, tracer: CallTracer, module: ModuleType) -> None:  # noqa: ARG001
    import faiss

    read = search_reader(faiss)
    methods: Mapping[str, SearchMethod] = {
        "search": SearchMethod(asked, read),
        "search_and_reconstruct": SearchMethod(asked, read),
        "range_search": SearchMethod(asked, range_reader(faiss)),
    }
    for cls in _index_classes(faiss):
        for name in _SEARCHES:
            # The rest are SWIG's own, which take pointers: FAISS's Python methods end in them.
            if getattr(vars(cls).get(name), "__name__", "").endswith(f"replacement_{name}"):
                patches.method(cls, name, around_search(tracer, methods[name]))


def _index_classes(faiss: Any) -> Iterator[type]:
    for value in list(vars(faiss).values()):
        if isinstance(value, type) and issubclass(value, faiss.Index | faiss.IndexBinary):
            yield value


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
