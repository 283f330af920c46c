"""What an exception means for the run that it leaves."""

import asyncio
from typing import Final

_CANCELLED: Final = (GeneratorExit, asyncio.CancelledError)
# LangGraph steers by exceptions: an interrupt or a command to the parent graph is no failure.
_LANGGRAPH_CONTROL: Final = frozenset({"GraphBubbleUp", "GraphInterrupt", "NodeInterrupt", "ParentCommand"})


def is_cancelled(error: BaseException) -> bool:
    """Whether the caller stopped the run: a stream closed early, a task cancelled."""
    return isinstance(error, _CANCELLED)


def is_control_flow(error: BaseException) -> bool:
    """Whether the exception steers the app and tells of no failure."""
    if is_cancelled(error):
        return True
    return any(
        cls.__name__ in _LANGGRAPH_CONTROL and cls.__module__.startswith("langgraph")
        for cls in type(error).__mro__
    )
