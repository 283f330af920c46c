"""LangChain's callback managers, wrapped: each run is started and ended through one of them.

A callback handler would hear of the same, but has its price: LangChain copies and searches the lists of
handlers at every run, and asks of each whether it is one that a model has to stream for.
"""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from groundtrace.guard import keep
from groundtrace_integrations.langchain.steps import argument
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Method, Patches, Wrap

if TYPE_CHECKING:
    from groundtrace_integrations.langchain.events import RunEvents

_STARTING: Final = "starting a LangChain run's span"
_GOING_ON: Final = "noting what a LangChain run is told"

# LangChain's method: ours in RunEvents, and the name of what goes into the run or came of it.
_STARTS: Final = {
    "on_chain_start": ("start_chain", "inputs"),
    "on_retriever_start": ("start_retriever", "query"),
    "on_tool_start": ("start_tool", "input_str"),
}
_STARTS_OF_SEVERAL: Final = {
    "on_chat_model_start": ("start_chat_model", "messages"),
    "on_llm_start": ("start_completion", "prompts"),
}
_TOLD: Final = {
    "ChainRun": {"on_chain_end": ("end_chain", "outputs"), "on_chain_error": ("fail_chain", "error")},
    "LLMRun": {
        "on_llm_new_token": ("note_token", "token"),
        "on_stream_event": ("note_token", "event"),
        "on_llm_end": ("end_model", "response"),
        "on_llm_error": ("fail_model", "error"),
    },
    "RetrieverRun": {
        "on_retriever_end": ("end_retriever", "documents"),
        "on_retriever_error": ("fail", "error"),
    },
    "ToolRun": {"on_tool_end": ("end_tool", "output"), "on_tool_error": ("fail", "error")},
}

Events = Callable[[], "RunEvents"]


def patch_managers(patches: Patches, tracer: RunTracer, module: Any) -> None:
    """Wrap what starts, goes on and ends a run in ``langchain_core.callbacks.manager``."""

    @functools.cache
    def events() -> "RunEvents":
        # It needs more of LangChain than there is while the managers are imported; a run needs it all.
        from groundtrace_integrations.langchain.events import RunEvents

        return RunEvents(tracer)

    for kind in ("CallbackManager", "AsyncCallbackManager"):
        for name, (start, given) in _STARTS.items():
            patches.method(getattr(module, kind), name, _starting(tracer, events, start, given))
        for name, (start, given) in _STARTS_OF_SEVERAL.items():
            patches.method(getattr(module, kind), name, _starting_each(tracer, events, start, given))
        for run, told in _TOLD.items():
            for name, (tell, given) in told.items():
                patches.method(getattr(module, f"{kind}For{run}"), name, _telling(events, tell, given))


def _starting(tracer: RunTracer, events: Events, start: str, given: str) -> Wrap:
    """Wrap a method that starts one run and returns its manager; ``given`` names what goes into the run."""

    def started(around: Any, run: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            if not tracer.off:
                serialized, inputs = _given(args, kwargs, given)
                getattr(events(), start)(around, run.run_id, serialized, inputs, kwargs)
        except Exception as fault:
            if not keep(_STARTING, fault):
                raise

    return _after(started)


def _starting_each(tracer: RunTracer, events: Events, start: str, given: str) -> Wrap:
    """Wrap a method that starts a run for each of several inputs and returns their managers."""

    def started(around: Any, runs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            if not tracer.off:
                serialized, inputs = _given(args, kwargs, given)
                tell = getattr(events(), start)
                for run, item in zip(runs, inputs, strict=True):
                    tell(around, run.run_id, serialized, item, kwargs)
        except Exception as fault:
            if not keep(_STARTING, fault):
                raise

    return _after(started)


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> tuple[Any, Any]:
    if len(args) > 1:
        return args[0], args[1]
    return argument(args, kwargs, 0, "serialized"), argument(args, kwargs, 1, name)


def _after(started: Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], None]) -> Wrap:
    def wrap(original: Method) -> Method:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def astart(self: Any, *args: Any, **kwargs: Any) -> Any:
                result = await original(self, *args, **kwargs)
                started(self, result, args, kwargs)
                return result

            return astart

        @functools.wraps(original)
        def start(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            started(self, result, args, kwargs)
            return result

        return start

    return wrap


def _telling(events: Events, tell: str, given: str) -> Wrap:
    """Wrap a method that a run's manager is told by; ``given`` names what it is told."""

    def told(run: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            getattr(events(), tell)(run.run_id, args[0] if args else kwargs.get(given), kwargs)
        except Exception as fault:
            if not keep(_GOING_ON, fault):
                raise

    def wrap(original: Method) -> Method:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def atelling(self: Any, *args: Any, **kwargs: Any) -> Any:
                try:
                    return await original(self, *args, **kwargs)
                finally:
                    told(self, args, kwargs)

            return atelling

        @functools.wraps(original)
        def telling(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(self, *args, **kwargs)
            finally:
                told(self, args, kwargs)

        return telling

    return wrap
