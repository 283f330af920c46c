"""Every place in langchain-core that is hooked, in one list.

Read for 0.3.9 and 1.7.2. What tells of runs is a callback handler, which LangChain itself adds to
each call; the rest makes spans current around the app's code, and sees what has no callbacks.
"""

import sys
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.documents import BaseDocumentCompressor
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.retrievers import BaseRetriever
from langchain_core.tracers import context as tracer_context
from langchain_core.vectorstores import VectorStore

from groundtrace.semconv import SpanKind
from groundtrace_integrations.langchain import frames
from groundtrace_integrations.langchain.compressors import compressor_wraps, cross_encoder_wraps
from groundtrace_integrations.langchain.embeddings import embedding_wraps
from groundtrace_integrations.langchain.handler import GroundtraceHandler
from groundtrace_integrations.langchain.stores import search_wraps
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Patches

_CROSS_ENCODERS: Final = "langchain_core.cross_encoders"  # newer than 0.3.9
_SET_CONFIG: Final = "_set_config_context"


def patch_langchain(patches: Patches, tracer: RunTracer) -> None:
    """Hook LangChain so that ``tracer`` hears of each run."""
    _add_handler(patches, GroundtraceHandler(tracer))
    patches.function(_SET_CONFIG, _langchain_modules(), frames.entering_step(tracer))
    _patch_models(patches, tracer)
    patches.method(BaseRetriever, "invoke", frames.around_call(tracer, SpanKind.RETRIEVER))
    patches.method(BaseRetriever, "ainvoke", frames.around_async_call(tracer, SpanKind.RETRIEVER))
    patches.subclasses(Embeddings, embedding_wraps(tracer))
    patches.subclasses(BaseDocumentCompressor, compressor_wraps(tracer))
    for name, wrap in search_wraps(tracer).items():
        patches.method(VectorStore, name, wrap)
    patches.subclasses(VectorStore, search_wraps(tracer))
    if find_spec(_CROSS_ENCODERS) is not None:
        cross_encoders: Any = import_module(_CROSS_ENCODERS)
        patches.subclasses(cross_encoders.BaseCrossEncoder, cross_encoder_wraps(tracer))


def _patch_models(patches: Patches, tracer: RunTracer) -> None:
    messages, prompts = frames.manager_of_messages, frames.manager_of_prompts
    patches.method(BaseChatModel, "_generate_with_cache", frames.inside_run(tracer, messages))
    patches.method(BaseChatModel, "_agenerate_with_cache", frames.inside_run_async(tracer, messages))
    patches.method(BaseLLM, "_generate_helper", frames.inside_run(tracer, prompts))
    patches.method(BaseLLM, "_agenerate_helper", frames.inside_run_async(tracer, prompts))
    for start in ("on_chat_model_start", "on_llm_start"):
        patches.method(AsyncCallbackManager, start, frames.after_start)
    for model in (BaseChatModel, BaseLLM):
        patches.method(model, "stream", frames.around_stream(tracer, SpanKind.LLM))
        patches.method(model, "astream", frames.around_async_stream(tracer, SpanKind.LLM))


def _add_handler(patches: Patches, handler: GroundtraceHandler) -> None:
    # LangChain's own hook: each call's callback manager takes the variable's value as a handler.
    variable: ContextVar[Any] = ContextVar("groundtrace_langchain_handler", default=handler)
    tracer_context.register_configure_hook(variable, inheritable=True, handle_class=GroundtraceHandler)
    # It has no way back but its own list.
    hooks = tracer_context._configure_hooks  # noqa: SLF001

    def take_back() -> None:
        hooks[:] = [hook for hook in hooks if hook[0] is not variable]

    patches.hook(take_back)


def _langchain_modules() -> list[ModuleType]:
    """Return the modules that may hold LangChain's functions under names of their own."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(("langchain", "langgraph")) and isinstance(module, ModuleType)
    ]
