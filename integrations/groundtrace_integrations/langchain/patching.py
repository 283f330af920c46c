"""Every place in langchain-core that is hooked, in one list.

Read for 0.3.9 and 1.7.2. What tells of runs are the callback managers, which every run goes through;
the rest makes spans current around the app's code, and sees what has no callbacks.

Each module is patched as soon as the app has imported it, and only then: to import LangChain takes
a second. So what a patch needs is imported in it, and is no more than its module has imported already.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, Final

from groundtrace.semconv import SpanKind
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.langchain import frames
from groundtrace_integrations.langchain.managers import patch_managers
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Patches

_SET_CONFIG: Final = "_set_config_context"


def patch_langchain(patches: Patches, tracer: RunTracer) -> None:
    """Hook LangChain so that ``tracer`` hears of each run."""
    for name, patch in _PLACES.items():
        when_imported(patches, name, partial(patch, patches, tracer))


def _patch_config(patches: Patches, tracer: RunTracer, module: ModuleType) -> None:
    patches.function(module, _SET_CONFIG, _langchain_modules, frames.entering_step(tracer))


def _patch_graphs(patches: Patches, tracer: RunTracer, module: Any) -> None:
    # LangGraph enters a node by a function of its own, which is named as LangChain's.
    patches.function(module, _SET_CONFIG, list, frames.entering_step(tracer))


def _patch_chat_models(patches: Patches, tracer: RunTracer, module: Any) -> None:
    model, messages = module.BaseChatModel, frames.manager_of_messages
    patches.method(model, "_generate_with_cache", frames.inside_run(tracer, messages))
    patches.method(model, "_agenerate_with_cache", frames.inside_run_async(tracer, messages))
    _patch_streams(patches, tracer, model)


def _patch_llms(patches: Patches, tracer: RunTracer, module: Any) -> None:
    model, prompts = module.BaseLLM, frames.manager_of_prompts
    patches.method(model, "_generate_helper", frames.inside_run(tracer, prompts))
    patches.method(model, "_agenerate_helper", frames.inside_run_async(tracer, prompts))
    _patch_streams(patches, tracer, model)


def _patch_streams(patches: Patches, tracer: RunTracer, model: type) -> None:
    patches.method(model, "stream", frames.around_stream(tracer, SpanKind.LLM))
    patches.method(model, "astream", frames.around_async_stream(tracer, SpanKind.LLM))


def _patch_retrievers(patches: Patches, tracer: RunTracer, module: Any) -> None:
    retriever = module.BaseRetriever
    patches.method(retriever, "invoke", frames.around_call(tracer, SpanKind.RETRIEVER))
    patches.method(retriever, "ainvoke", frames.around_async_call(tracer, SpanKind.RETRIEVER))


def _patch_embeddings(patches: Patches, tracer: RunTracer, module: Any) -> None:
    from groundtrace_integrations.langchain.embeddings import embedding_wraps

    patches.subclasses(module.Embeddings, embedding_wraps(tracer))


def _patch_caches(patches: Patches, tracer: RunTracer, module: Any) -> None:
    from groundtrace_integrations.langchain.caches import cache_wraps

    patches.subclasses(module.BaseCache, cache_wraps(tracer))


def _patch_compressors(patches: Patches, tracer: RunTracer, module: Any) -> None:
    from groundtrace_integrations.langchain.compressors import compressor_wraps

    patches.subclasses(module.BaseDocumentCompressor, compressor_wraps(tracer))


def _patch_cross_encoders(patches: Patches, tracer: RunTracer, module: Any) -> None:
    from groundtrace_integrations.langchain.compressors import cross_encoder_wraps

    patches.subclasses(module.BaseCrossEncoder, cross_encoder_wraps(tracer))


def _patch_stores(patches: Patches, tracer: RunTracer, module: Any) -> None:
    from groundtrace_integrations.langchain.stores import search_wraps

    for name, wrap in search_wraps(tracer).items():
        patches.method(module.VectorStore, name, wrap)
    patches.subclasses(module.VectorStore, search_wraps(tracer))


_PLACES: Final[Mapping[str, Callable[[Patches, RunTracer, Any], None]]] = {
    "langchain_core.runnables.config": _patch_config,
    "langchain_core.callbacks.manager": patch_managers,
    "langchain_core.language_models.chat_models": _patch_chat_models,
    "langchain_core.language_models.llms": _patch_llms,
    "langchain_core.caches": _patch_caches,
    "langchain_core.retrievers": _patch_retrievers,
    "langchain_core.embeddings.embeddings": _patch_embeddings,
    "langchain_core.documents.compressor": _patch_compressors,
    "langchain_core.cross_encoders": _patch_cross_encoders,
    "langchain_core.vectorstores.base": _patch_stores,
    "langgraph._internal._runnable": _patch_graphs,
    "langgraph.utils.runnable": _patch_graphs,  # before 0.6
}


def _langchain_modules() -> list[ModuleType]:
    """Return the modules that may hold LangChain's functions under names of their own."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(("langchain", "langgraph")) and isinstance(module, ModuleType)
    ]
