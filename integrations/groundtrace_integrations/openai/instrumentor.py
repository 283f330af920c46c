"""Every place in openai that is hooked, in one list. Read for 1.26, 2.8 and 3.54."""

from functools import partial
from types import ModuleType
from typing import Any, ClassVar, Final

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.openai import raw, requesting, streams
from groundtrace_integrations.patches import Patches

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
        read=_classes(openai, "_legacy_response", "LegacyAPIResponse"),
        unread=_classes(openai, "_response", "APIResponse", "AsyncAPIResponse"),
    )
    patches.method(_owner(openai.OpenAI, "request"), "request", requesting.around_request(tracer, kinds))
    patches.method(
        _owner(openai.AsyncOpenAI, "request"), "request", requesting.around_async_request(tracer, kinds)
    )
    for stream in kinds.stream:
        patches.method(stream, "close", streams.closing_stream)
    for response in (*kinds.read, *kinds.unread):
        patches.method(response, "parse", raw.parsing(kinds))
        patches.method(response, "close", raw.closing)


def _patch_helpers(patches: Patches, classes: tuple[str, ...], module: ModuleType) -> None:
    for name in classes:
        cls = getattr(module, name, None)
        if isinstance(cls, type):
            patches.method(cls, "close", streams.closing_helper)


def _owner(cls: type, name: str) -> type:
    """Return the class that ``cls`` has this method from."""
    return next(owner for owner in cls.__mro__ if name in vars(owner))


def _classes(openai: Any, module: str, *names: str) -> tuple[type, ...]:
    found = [getattr(getattr(openai, module, None), name, None) for name in names]
    return tuple(cls for cls in found if isinstance(cls, type))
