"""Every place in openai that is hooked, in one list. Read for 1.26, 2.8 and 3.54."""

from functools import partial
from types import ModuleType
from typing import Any, ClassVar, Final

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.openai.dialect import OpenAIDialect
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.stainless import requesting, streams
from groundtrace_integrations.stainless.patching import classes_in, patch_client

# The streams of `.stream()` helpers close the response below them and not the stream.
_HELPER_STREAMS: Final = {
    "openai.lib.streaming.chat._completions": ("ChatCompletionStream", "AsyncChatCompletionStream"),
    "openai.lib.streaming.responses._responses": ("ResponseStream", "AsyncResponseStream"),
}


class OpenAIInstrumentor(LibraryInstrumentor):
    """Records a span for each chat, response, completion and embedding asked of OpenAI's API.

    Arguments are those of OpenInference's instrumentor of the same name.
    """

    library: ClassVar[str] = "openai"
    dependencies: ClassVar[tuple[str, ...]] = ("openai >= 1.26",)
    peers: ClassVar[tuple[str, ...]] = (
        "openinference.instrumentation.openai:OpenAIInstrumentor",
        "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
        "opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor",
        "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
        "traceai_openai:OpenAIInstrumentor",
    )

    def _patch(self, patches: Patches, tracer: CallTracer) -> None:
        when_imported(patches, "openai", partial(_patch_client, patches, tracer))
        for name, classes in _HELPER_STREAMS.items():
            when_imported(patches, name, partial(_patch_helpers, patches, classes))


def _patch_client(patches: Patches, tracer: CallTracer, openai: Any) -> None:
    kinds = requesting.ResultKinds(
        stream=(openai.Stream, openai.AsyncStream),
        read=classes_in(openai, "_legacy_response", "LegacyAPIResponse"),
        unread=classes_in(openai, "_response", "APIResponse", "AsyncAPIResponse"),
    )
    patch_client(patches, tracer, OpenAIDialect(), kinds, openai.OpenAI, openai.AsyncOpenAI)


def _patch_helpers(patches: Patches, classes: tuple[str, ...], module: ModuleType) -> None:
    for name in classes:
        cls = getattr(module, name, None)
        if isinstance(cls, type):
            patches.method(cls, "close", streams.closing_helper)
