"""What an exception means for the run that it leaves."""

import asyncio
from typing import Final

_CANCELLED: Final = (GeneratorExit, asyncio.CancelledError)
# Exceptions that steer an app and tell of no failure: interrupts and commands to the parent graph of
# LangGraph, the end of a LlamaIndex workflow and its waiting for an event.
_CONTROL: Final = {
    "langgraph": frozenset({"GraphBubbleUp", "GraphInterrupt", "NodeInterrupt", "ParentCommand"}),
    "llama_index": frozenset({"WorkflowDone", "WaitingForEvent"}),
    "workflows": frozenset({"WorkflowDone", "WaitingForEvent"}),
}
# A run that the app's user stopped.
_STOPPED: Final = frozenset({"WorkflowCancelledByUser"})


def is_cancelled(error: BaseException) -> bool:
    """Whether the caller stopped the run: a stream closed early, a task cancelled."""
    return isinstance(error, _CANCELLED) or type(error).__name__ in _STOPPED


def is_control_flow(error: BaseException) -> bool:
    """Whether the exception steers the app and tells of no failure."""
    if is_cancelled(error):
        return True
    return any(
        cls.__name__ in _CONTROL.get(cls.__module__.partition(".")[0], ()) for cls in type(error).__mro__
    )
