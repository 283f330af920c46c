"""The retriever step: a query in, ranked documents out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import Attributes, document_attributes, merge_attributes, text_attribute
from groundtrace.documents import Document
from groundtrace.guard import guarded
from groundtrace.passages import passages
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.steps.recognise import FoundDocuments, find_documents, find_query
from groundtrace.steps.searching import SearchingStep

P = ParamSpec("P")
R = TypeVar("R")

ScoreSense = Literal["similarity", "distance"]


class RetrieverStep(SearchingStep):
    """A search while it runs."""

    kind = SpanKind.RETRIEVER
    operation = GenAIOperation.RETRIEVAL

    def __init__(
        self,
        name: str | None = None,
        *,
        query: str | None = None,
        top_k: int | None = None,
        score_sense: ScoreSense | None = None,
        data_source: str | None = None,
    ) -> None:
        super().__init__(
            name,
            {
                semconv.RETRIEVAL_TOP_K: top_k,
                semconv.GEN_AI_RETRIEVAL_TOP_K: top_k,
                semconv.GEN_AI_DATA_SOURCE_ID: data_source,
            },
        )
        self._query = query
        self._sense: str | None = score_sense
        self._documents: list[Document] = []
        self._given_documents = False

    @guarded("setting a query")
    def set_query(self, query: str) -> None:
        """Record what was searched for."""
        if self._span.is_recording():
            self.set_input(query)
            if self._settings.genai_messages:
                self._put(text_attribute(semconv.GEN_AI_RETRIEVAL_QUERY_TEXT, query, self._settings))

    @guarded("adding documents")
    def add_documents(self, documents: Iterable[Document | Mapping[str, Any] | object]) -> None:
        """Record what was found, best first; a second call's documents rank after the first's.

        Beside ``Document``: mappings with ``id``, ``score`` (or ``distance``), ``content``, the
        documents of LangChain, LlamaIndex and Haystack, and (document, score) pairs.
        """
        found = find_documents(list(documents))
        if found is None:
            raise TypeError("documents must be groundtrace.Document or have an id or a text")
        self._add(found)

    def _add(self, found: FoundDocuments) -> None:
        self._given_documents = True
        self._documents.extend(found.documents)
        self._sense = self._sense or found.sense

    def _begin(self) -> None:
        super()._begin()
        self._documents, self._given_documents = [], False

    def _given_attributes(self) -> Attributes:
        if self._query is not None:
            self.set_query(self._query)
        return {}

    def _last_attributes(self) -> Attributes:
        if self._below is not None and not self._given_documents:
            self._documents.extend(self._below.documents)
        told = {key: value for key, value in (self._told or {}).items() if key not in self._given}
        if not self._documents:
            return told
        attributes = document_attributes(semconv.RETRIEVAL_DOCUMENTS, self._documents, self._settings)
        passages.note(self._span, self._documents)
        sense = self._sense or self._sense_below()
        return merge_attributes(told, attributes, {semconv.RETRIEVAL_SCORE_SENSE: sense} if sense else {})

    def _sense_below(self) -> str | None:
        """Return what the store's figures are, where the documents carry just these."""
        if self._below is None:
            return None
        figures = {document.score for document in self._below.documents}
        kept = all(document.score in figures for document in self._documents if document.score is not None)
        return self._below.sense if kept else None

    def _read_arguments(self, arguments: Mapping[str, object]) -> None:
        query = find_query(arguments)
        if query is None:
            super()._read_arguments(arguments)
        else:
            self.set_query(query)

    def _read_result(self, result: object) -> None:
        found = find_documents(result)
        if found is None:
            self.set_output(result)
        else:
            self._add(found)

    def _read_item(self, item: object) -> None:
        found = find_documents([item]) or find_documents(item)
        if found is not None and len(self._documents) < self._settings.max_documents:
            self._add(found)


@overload
def retriever(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def retriever(
    name: str | None = None,
    *,
    query: str | None = None,
    top_k: int | None = None,
    score_sense: ScoreSense | None = None,
    data_source: str | None = None,
) -> RetrieverStep: ...
def retriever(
    name: Callable[P, R] | str | None = None,
    *,
    query: str | None = None,
    top_k: int | None = None,
    score_sense: ScoreSense | None = None,
    data_source: str | None = None,
) -> Callable[P, R] | RetrieverStep:
    """Trace a search: ``with groundtrace.retriever(query=q) as step:`` or ``@groundtrace.retriever``.

    A decorated function's first text (or ``query``) is the query, and the documents are read
    from what it returns. ``score_sense`` says whether a high score is near (``similarity``) or far
    (``distance``).
    """
    if callable(name):
        return RetrieverStep()(name)
    return RetrieverStep(name, query=query, top_k=top_k, score_sense=score_sense, data_source=data_source)
