"""What the span of each sort of step carries of its arguments and its result."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes, input_attributes, merge_attributes, text_attribute
from groundtrace.embedding import space_attributes, speed_attributes, text_attributes, vector_attributes
from groundtrace.semconv import SpanKind
from groundtrace_integrations.identity import model_name, model_version, whole
from groundtrace_integrations.llamaindex.models import called_model
from groundtrace_integrations.llamaindex.nodes import rerank_attributes, retrieved_attributes, scored_nodes
from groundtrace_integrations.llamaindex.steps import Step
from groundtrace_integrations.llamaindex.values import asked_value, shown_value

_TOP_K: Final = ("similarity_top_k", "_similarity_top_k", "top_k", "_top_k")
_NODES: Final = frozenset({"nodes", "documents"})
_TEXTS: Final = ("query", "text", "texts", "queries")


def asked_attributes(step: Step, method: str, arguments: Mapping[str, Any]) -> Attributes:
    """Return what is known before the step's code runs; of a model's call its events tell."""
    match step.kind:
        case SpanKind.LLM:
            step.model = called_model(step.instance)
            return {}
        case SpanKind.RETRIEVER:
            return _search(step, arguments)
        case SpanKind.RERANKER:
            return _reranking(step, arguments)
        case SpanKind.EMBEDDING:
            return _encoding(step, method, arguments)
        case SpanKind.TOOL:
            return merge_attributes(_tool(step.instance), _input(step, arguments))
        case _ if step.plumbing:
            return {}
        case _:
            # A splitter or pipeline that the app calls by itself works for the index.
            indexing: Attributes = {semconv.INDEXING: True} if _NODES & arguments.keys() else {}
            return merge_attributes(_input(step, arguments), indexing)


def result_attributes(step: Step, arguments: Mapping[str, Any], result: Any) -> Attributes:
    """Return what the step's result adds."""
    settings = step.settings
    match step.kind:
        case SpanKind.LLM:
            return {}
        case SpanKind.RETRIEVER:
            return retrieved_attributes(step, scored_nodes(result))
        case SpanKind.RERANKER:
            prefix = semconv.RERANKER_OUTPUT_DOCUMENTS
            return rerank_attributes(prefix, scored_nodes(result), step.shown, settings)
        case SpanKind.EMBEDDING:
            return _encoded(step, arguments, result)
        case _:
            step.add_output(shown_value(result))
            return {}


def _input(step: Step, arguments: Mapping[str, Any]) -> Attributes:
    return input_attributes(asked_value(arguments), step.settings)


def _search(step: Step, arguments: Mapping[str, Any]) -> Attributes:
    attributes = _input(step, arguments)
    top_k = whole(step.instance, *_TOP_K)
    if top_k is not None:
        attributes[semconv.RETRIEVAL_TOP_K] = attributes[semconv.GEN_AI_RETRIEVAL_TOP_K] = top_k
    return attributes


def _reranking(step: Step, arguments: Mapping[str, Any]) -> Attributes:
    settings = step.settings
    # Rerankers change the nodes' scores in place: what came in is read now.
    nodes = scored_nodes(arguments.get("nodes"))
    attributes = rerank_attributes(semconv.RERANKER_INPUT_DOCUMENTS, nodes, step.shown, settings)
    query = shown_value(arguments.get("query_bundle") or arguments.get("query_str"))
    if isinstance(query, str) and not settings.hide_inputs:
        attributes = merge_attributes(attributes, text_attribute(semconv.RERANKER_QUERY, query, settings))
    name, top_k = model_name(step.instance), whole(step.instance, "top_n", "top_k")
    if name is not None:
        attributes[semconv.RERANKER_MODEL_NAME] = name
    if top_k is not None:
        attributes[semconv.RERANKER_TOP_K] = top_k
    return attributes


def _encoding(step: Step, method: str, arguments: Mapping[str, Any]) -> Attributes:
    name = model_name(step.instance)
    step.model = None if name == "unknown" else name
    attributes = text_attributes(_given_texts(arguments), step.settings)
    if step.model is not None:
        attributes[semconv.EMBEDDING_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = step.model
    if "text_embedding" in method and not step.within(SpanKind.RETRIEVER):
        attributes[semconv.INDEXING] = True
    return attributes


def _encoded(step: Step, arguments: Mapping[str, Any], vectors: Any) -> Attributes:
    duration_ns = step.duration_ns
    attributes = vector_attributes(vectors, step.settings)
    dimension = attributes.get(semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT)
    attributes.update(
        space_attributes(
            model=step.model,
            version=model_version(step.instance),
            dimension=dimension if isinstance(dimension, int) else None,
        )
    )
    count = len(_given_texts(arguments))
    batch_size = whole(step.instance, "embed_batch_size")
    attributes.update(speed_attributes(text_count=count, duration_ns=duration_ns, batch_size=batch_size))
    return attributes


def _given_texts(arguments: Mapping[str, Any]) -> Sequence[Any]:
    given = next((arguments[name] for name in _TEXTS if arguments.get(name) is not None), ())
    return given if isinstance(given, list | tuple) else [given]


def _tool(tool: Any) -> Attributes:
    metadata = getattr(tool, "metadata", None)
    attributes: Attributes = {}
    for key, genai_key, value in (
        (semconv.TOOL_NAME, semconv.GEN_AI_TOOL_NAME, getattr(metadata, "name", None)),
        (semconv.TOOL_DESCRIPTION, semconv.GEN_AI_TOOL_DESCRIPTION, getattr(metadata, "description", None)),
    ):
        if isinstance(value, str) and value:
            attributes[key] = attributes[genai_key] = value
    return attributes
