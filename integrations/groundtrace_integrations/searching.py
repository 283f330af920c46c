"""A vector store's search as a RETRIEVER span; or, inside of one, as what that one found.

A call that asks several questions at once is one span, with their number and the first one's
documents: one retrieval, one list of ranks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import index
from typing import Any

from opentelemetry.context import Context, get_current

from groundtrace import semconv
from groundtrace.attributes import Attributes, document_attributes, input_attributes, text_attribute
from groundtrace.guard import guarded
from groundtrace.passages import passages
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.settings import TraceSettings
from groundtrace.steps.recognise import FoundDocuments
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import SearchCover, current_cover
from groundtrace_integrations.patches import Method, Wrap
from groundtrace_integrations.watching import Arguments, OwnCall, Watch, watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a store is asked: ``queries`` questions, of which ``query`` is the first one's text."""

    query: str | None = None
    top_k: int | None = None
    data_source: str | None = None
    queries: int = 1


Ask = Callable[[Any, Arguments], Search]
"""Given the store and the call's arguments: what is asked."""

Read = Callable[[Any, Arguments, Any, int], FoundDocuments]
"""Given the store, the arguments, the result and how many documents are enough: the first query's."""


@dataclass(frozen=True, slots=True)
class SearchMethod:
    """How to read one kind of searching method: its call, and what it returns."""

    ask: Ask
    read: Read


def around_search(tracer: CallTracer, method: SearchMethod) -> Wrap:
    """Wrap a store's method, sync or async, that searches."""

    def wrap(original: Method) -> Method:
        name = original.__name__.rpartition("replacement_")[2]  # as FAISS calls its own

        def begin(store: Any, arguments: Arguments) -> Watch | None:
            return _begin(tracer, _Asking(method, store, arguments), name)

        return watched(tracer, begin)(original)

    return wrap


@dataclass(frozen=True, slots=True)
class _Asking:
    """One call of a searching method."""

    method: SearchMethod
    store: Any
    arguments: Arguments

    def search(self) -> Search:
        return self.method.ask(self.store, self.arguments)

    def found(self, result: Any, settings: TraceSettings) -> FoundDocuments:
        # One more than a span holds: so it is known that there were more.
        return self.method.read(self.store, self.arguments, result, settings.max_documents + 1)


def _begin(tracer: CallTracer, asking: _Asking, method: str) -> Watch | None:
    settings = tracer.settings
    cover = current_cover()
    if cover is None:
        name = f"{type(asking.store).__name__}.{method}"
        call = tracer.begin_call(SpanKind.RETRIEVER, name, GenAIOperation.RETRIEVAL.value)
        if call.recording:
            with guarded("reading a search's arguments"):
                asked = asking.search()
                call.add(_query_attributes(asked, settings))
                call.add(_asked_attributes(asked, settings))
        return OwnCall(call, lambda result: _found_attributes(asking.found(result, settings), call))
    if cover.kind is SpanKind.RETRIEVER:
        with guarded("reading a search's arguments"):
            cover.enrich(_asked_attributes(asking.search(), settings))
    if isinstance(cover, SearchCover):
        return _CoveredSearch(cover, lambda result: asking.found(result, settings))
    return None


class _CoveredSearch:
    """A search that is part of an operation which has its span."""

    __slots__ = ("_cover", "_read")

    def __init__(self, cover: SearchCover, read: Callable[[Any], FoundDocuments]) -> None:
        self._cover = cover
        self._read = read

    def context(self) -> Context:
        return get_current()

    def receive(self, result: Any) -> Any:
        with guarded("telling the operation around a search of what it found"):
            self._cover.take_found(self._read(result))
        return result

    def fail(self, error: BaseException) -> None:
        """Leave the error to the operation around, which meets it too."""


def _query_attributes(asked: Search, settings: TraceSettings) -> Attributes:
    if asked.query is None:
        return {}
    attributes = input_attributes(asked.query, settings)
    if settings.genai_messages and not settings.hide_inputs:
        attributes.update(text_attribute(semconv.GEN_AI_RETRIEVAL_QUERY_TEXT, asked.query, settings))
    return attributes


def _asked_attributes(asked: Search, settings: TraceSettings) -> Attributes:
    attributes: Attributes = {}
    if asked.top_k is not None:
        attributes[semconv.RETRIEVAL_TOP_K] = attributes[semconv.GEN_AI_RETRIEVAL_TOP_K] = asked.top_k
    if asked.data_source is not None and settings.ids:
        attributes[semconv.GEN_AI_DATA_SOURCE_ID] = asked.data_source
    if asked.queries != 1:
        attributes[semconv.RETRIEVAL_QUERY_COUNT] = asked.queries
    return attributes


def _found_attributes(found: FoundDocuments, call: Call) -> Attributes:
    passages.note(call.span, found.documents)
    attributes = document_attributes(semconv.RETRIEVAL_DOCUMENTS, found.documents, call.settings)
    if found.sense is not None:
        attributes[semconv.RETRIEVAL_SCORE_SENSE] = found.sense
    return attributes


def whole(value: object) -> int | None:
    """Return a count as an int, also numpy's; None for what is no whole number."""
    if isinstance(value, bool):
        return None
    try:
        return index(value)  # type: ignore[arg-type] # that is what is asked
    except TypeError:
        return None
