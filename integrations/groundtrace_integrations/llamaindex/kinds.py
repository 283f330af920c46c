"""What each step of LlamaIndex does, by the class of the object and the method that runs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from groundtrace.semconv import SpanKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The part of a step in the pipeline; a ``plumbing`` step carries no texts but in full."""

    kind: SpanKind
    plumbing: bool = False


_PLUMBING: Final = Role(kind=SpanKind.CHAIN, plumbing=True)

# By name, since to ask for the classes would import them.
_BY_CLASS: Final[Mapping[str, Role]] = {
    "BaseQueryEngine": Role(kind=SpanKind.CHAIN),
    "BaseChatEngine": Role(kind=SpanKind.CHAIN),
    "BaseRetriever": Role(kind=SpanKind.RETRIEVER),
    "BaseImageRetriever": Role(kind=SpanKind.RETRIEVER),
    "BaseNodePostprocessor": Role(kind=SpanKind.RERANKER),
    "BaseEmbedding": Role(kind=SpanKind.EMBEDDING),
    "BaseSparseEmbedding": Role(kind=SpanKind.EMBEDDING),
    "BaseLLM": Role(kind=SpanKind.LLM),
    "MultiModalLLM": Role(kind=SpanKind.LLM),
    "BaseTool": Role(kind=SpanKind.TOOL),
    "BaseWorkflowAgent": Role(kind=SpanKind.AGENT),
    "AgentWorkflow": Role(kind=SpanKind.AGENT),
    "BaseAgent": Role(kind=SpanKind.AGENT),
    "Workflow": Role(kind=SpanKind.CHAIN),
}
_MODEL_CALLS: Final = frozenset(
    prefix + stream + method
    for prefix in ("", "a")
    for stream in ("", "stream_")
    for method in ("chat", "complete")
)
_RUNS: Final = frozenset({"run", "chat", "stream_chat", "achat", "astream_chat", "query", "aquery"})


@lru_cache(maxsize=1_024)
def role_of(cls: type, method: str) -> Role:
    """Return what ``method`` of an object of ``cls`` does."""
    role = next((_BY_CLASS[base.__name__] for base in cls.__mro__ if base.__name__ in _BY_CLASS), _PLUMBING)
    if not _does_its_part(role.kind, method):
        return _PLUMBING
    return role


def _does_its_part(kind: SpanKind, method: str) -> bool:
    """Whether the method is what objects of this kind are for, and not one of their helpers."""
    match kind:
        case SpanKind.LLM:
            return method in _MODEL_CALLS
        case SpanKind.EMBEDDING:
            return "get_" in method
        case SpanKind.RETRIEVER:
            return "retrieve" in method
        case SpanKind.RERANKER:
            return "postprocess_nodes" in method
        case SpanKind.TOOL:
            return method in {"call", "acall", "__call__"}
        case SpanKind.AGENT | SpanKind.CHAIN:
            return method.lstrip("_") in _RUNS
        case _:
            return False
