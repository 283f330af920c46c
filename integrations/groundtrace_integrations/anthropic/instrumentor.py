"""Every place in anthropic that is hooked, in one list. Read for 0.44, 1.0 and 2.12."""

import sys
from functools import partial, wraps
from types import ModuleType
from typing import Any, ClassVar, Final

from groundtrace_integrations.anthropic.dialect import AnthropicDialect
from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.imports import when_imported
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.patches import Method, Patches, Wrap
from groundtrace_integrations.stainless.patching import classes_in, patch_client
from groundtrace_integrations.stainless.requesting import ResultKinds

_OWN_SPAN: Final = "anthropic.messages.create"


class AnthropicInstrumentor(LibraryInstrumentor):
    """Records a span for each message asked of Anthropic's API.

    Arguments are those of OpenInference's instrumentor of the same name. The client's own span of
    the same call, which it makes from version 2 on, makes way; one that the app has sent to a tracer
    provider of its own, by ``open_telemetry=``, is left alone.
    """

    library: ClassVar[str] = "anthropic"
    dependencies: ClassVar[tuple[str, ...]] = ("anthropic >= 0.44",)
    peers: ClassVar[tuple[str, ...]] = (
        "openinference.instrumentation.anthropic:AnthropicInstrumentor",
        "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor",
        "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
        "traceai_anthropic:AnthropicInstrumentor",
    )

    def _patch(self, patches: Patches, tracer: CallTracer) -> None:
        when_imported(patches, "anthropic", partial(_patch_client, patches, tracer))


def _patch_client(patches: Patches, tracer: CallTracer, anthropic: Any) -> None:
    kinds = ResultKinds(
        stream=(anthropic.Stream, anthropic.AsyncStream),
        read=classes_in(anthropic, "_legacy_response", "LegacyAPIResponse"),
        unread=classes_in(anthropic, "_response", "APIResponse", "AsyncAPIResponse"),
    )
    patch_client(patches, tracer, AnthropicDialect(), kinds, anthropic.Anthropic, anthropic.AsyncAnthropic)
    tracing = getattr(anthropic, "_tracing", None)
    if isinstance(tracing, ModuleType):
        patches.function(tracing, "start_api_call_span", _holders, _making_way(tracer))


def _holders() -> list[ModuleType]:
    module = sys.modules.get("anthropic._base_client")
    return [] if module is None else [module]


def _making_way(tracer: CallTracer) -> Wrap:
    """Wrap what starts the client's own span of a call: none where ours goes to the same place."""

    def wrap(original: Method) -> Method:
        @wraps(original)
        def start_api_call_span(
            theirs: object, base_url: Any, options: Any, *args: Any, **kwargs: Any
        ) -> Any:
            if getattr(options, "span_name", None) == _OWN_SPAN and not tracer.off and tracer.feeds(theirs):
                return None
            return original(theirs, base_url, options, *args, **kwargs)

        return start_api_call_span

    return wrap
