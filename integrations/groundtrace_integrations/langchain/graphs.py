"""LangGraph's graphs: which runs are nodes, and which run goes on where another stopped."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.trace import Span, SpanContext

from groundtrace import semconv
from groundtrace.attributes import Attributes
from groundtrace_integrations.langchain.runs import Run

_NODE: Final = "langgraph_node"
_SPACE: Final = "langgraph_checkpoint_ns"  # one for each time that a node runs
MAX_THREADS: Final = 1_024


def is_node(run: Run, name: str) -> bool:
    """Whether a run is a graph's node itself, and not something that the node calls."""
    if run.metadata.get(_NODE) != name or name.startswith("__"):  # __start__ is none of the app's
        return False
    return run.parent is None or run.parent.metadata.get(_SPACE) != run.metadata.get(_SPACE)


def node_attributes(run: Run) -> Attributes:
    """``graph.node.*`` of a node; its parent is the node that the graph around it is."""
    name = str(run.metadata[_NODE])
    attributes: Attributes = {semconv.GRAPH_NODE_ID: name, semconv.GRAPH_NODE_NAME: name}
    around = run.parent.metadata.get(_NODE) if run.parent is not None else None
    if around is not None:
        attributes[semconv.GRAPH_NODE_PARENT_ID] = str(around)
    return attributes


def resumes(inputs: object) -> bool:
    """Whether a graph is asked to go on from its checkpoint: with an answer, or with nothing new."""
    return inputs is None or _answer(inputs) is not None


def shown_command(value: object) -> object:
    """Return what a command answers to an interrupt; anything else as it is."""
    answer = _answer(value)
    return value if answer is None else answer


def _answer(value: object) -> Any:
    cls = type(value)
    if cls.__name__ == "Command" and cls.__module__.startswith("langgraph"):
        return getattr(value, "resume", None)
    return None


class Threads:
    """The last span of each conversation, so that what resumes it can point back. Bounded."""

    def __init__(self) -> None:
        self._spans: OrderedDict[str, SpanContext] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, span: Span, metadata: Mapping[str, Any], *, resumed: bool) -> None:
        """Remember a graph's outermost span; link it to the one before in its thread, where it resumes that."""
        thread = metadata.get("thread_id")
        if thread is None:
            return
        context = span.get_span_context()
        with self._lock:
            before = self._spans.pop(str(thread), None)
            self._spans[str(thread)] = context
            if len(self._spans) > MAX_THREADS:
                self._spans.popitem(last=False)
        if resumed and before is not None:
            span.add_link(before)
