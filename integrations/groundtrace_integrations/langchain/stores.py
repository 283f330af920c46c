"""Vector stores: the layer where scores are, and searches that an app makes without a retriever."""

import inspect
from typing import Any, Final

from langchain_core.documents import Document

from groundtrace import semconv
from groundtrace.attributes import Attributes, input_attributes
from groundtrace.semconv import SpanKind
from groundtrace_integrations.langchain.caches import lookup_of
from groundtrace_integrations.langchain.documents import retrieved_attributes
from groundtrace_integrations.langchain.runs import Run, current_run
from groundtrace_integrations.langchain.scores import SeenScores, score_sense, scored_pairs
from groundtrace_integrations.langchain.steps import argument, step
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Method, Wrap

_RELEVANCE: Final = "similarity_search_with_relevance_scores"
_SEARCHES: Final = (
    "similarity_search",
    "similarity_search_with_score",
    _RELEVANCE,
    "similarity_search_by_vector",
    "similarity_search_with_score_by_vector",
    "max_marginal_relevance_search",
)
# A model's semantic cache searches a store too: that is no retrieval for the answer.
_NOT_RETRIEVING: Final = frozenset({SpanKind.RETRIEVER, SpanKind.LLM, SpanKind.EMBEDDING})


def search_wraps(tracer: RunTracer) -> dict[str, Wrap]:
    """Wraps for the searching methods of a VectorStore class."""
    return {
        prefix + name: _search(tracer, relevance=name == _RELEVANCE)
        for name in _SEARCHES
        for prefix in ("", "a")
    }


def _search(tracer: RunTracer, *, relevance: bool) -> Wrap:
    def wrap(original: Method) -> Method:
        default_k = _default_k(original)

        def note(store: object, args: tuple[Any, ...], kwargs: dict[str, Any], found: object) -> None:
            _note(store, _whole(argument(args, kwargs, 1, "k")) or default_k, found, relevance=relevance)

        def begin(store: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
            around = current_run()
            if around is not None and (around.kind in _NOT_RETRIEVING or lookup_of(around) is not None):
                return None
            return _begin(tracer, store, argument(args, kwargs, 0, "query"), around)

        def describe(run: Run, found: object) -> Attributes:
            return retrieved_attributes(_documents(found), run)

        return step(tracer, begin, describe, note)(original)

    return wrap


def _begin(tracer: RunTracer, store: object, query: object, around: Run | None) -> Run | None:
    run = tracer.begin_step(SpanKind.RETRIEVER, store, around)
    if run is not None and run.recording and isinstance(query, str):
        run.add(input_attributes(query, run.settings))
    return run


def _note(store: object, top_k: int | None, found: object, *, relevance: bool) -> None:
    run = current_run()
    lookup = lookup_of(run)
    if run is None or (run.kind is not SpanKind.RETRIEVER and lookup is None):
        return
    if lookup is not None:
        lookup.note(found)
    seen = run.scores = run.scores or SeenScores()
    seen.top_k = top_k or seen.top_k
    if found is seen.last and not relevance:
        return
    pairs = scored_pairs(found)
    if pairs:
        seen.last = found
        by_order = score_sense([score for _, score in pairs], store)
        seen.note(pairs, semconv.SCORE_SENSE_SIMILARITY if relevance else by_order)


def _documents(found: object) -> list[Document]:
    if not isinstance(found, list | tuple):
        return []
    items = [item[0] if isinstance(item, tuple) and item else item for item in found]
    return [item for item in items if isinstance(item, Document)]


def _default_k(function: Method) -> int | None:
    parameter = inspect.signature(function).parameters.get("k")
    return None if parameter is None else _whole(parameter.default)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
