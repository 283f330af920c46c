"""The reranker step: documents in, the same documents in a better order out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import Attributes, document_attributes, merge_attributes, text_attribute
from groundtrace.documents import Document
from groundtrace.guard import guarded
from groundtrace.passages import passages
from groundtrace.semconv import SpanKind
from groundtrace.steps.recognise import find_documents, find_input_documents, find_query, find_reranked
from groundtrace.steps.step import Step

P = ParamSpec("P")
R = TypeVar("R")

Documents = Iterable[Document | Mapping[str, Any] | object]


class RerankerStep(Step):
    """A reranking while it runs."""

    kind = SpanKind.RERANKER

    def __init__(
        self,
        name: str | None = None,
        *,
        query: str | None = None,
        model: str | None = None,
        top_k: int | None = None,
    ) -> None:
        super().__init__(
            name,
            {
                semconv.RERANKER_MODEL_NAME: model,
                semconv.GEN_AI_REQUEST_MODEL: model,
                semconv.RERANKER_TOP_K: top_k,
            },
        )
        self._query = query
        self._inputs: list[Document] = []
        self._outputs: list[Document] = []

    @guarded("setting a query")
    def set_query(self, query: str) -> None:
        """Record what the documents are ranked for."""
        if not self._span.is_recording():
            return
        self.set_input(query)
        hidden = self._settings.hide_inputs
        self._put(
            {semconv.RERANKER_QUERY: semconv.REDACTED}
            if hidden
            else text_attribute(semconv.RERANKER_QUERY, query, self._settings)
        )

    @guarded("adding a reranker's input documents")
    def add_input_documents(self, documents: Documents) -> None:
        """Record what is to be ranked, in the order it came; see ``RetrieverStep.add_documents``."""
        self._inputs.extend(_found(documents))

    @guarded("adding a reranker's output documents")
    def add_output_documents(self, documents: Documents) -> None:
        """Record what came out, best first, with the reranker's own scores."""
        self._outputs.extend(_found(documents))

    def _begin(self) -> None:
        self._inputs, self._outputs = [], []

    def _given_attributes(self) -> Attributes:
        if self._query is not None:
            self.set_query(self._query)
        return {}

    def _last_attributes(self) -> Attributes:
        inputs = passages.named(self._span, self._inputs)
        outputs = passages.named(self._span, self._outputs)
        return merge_attributes(
            document_attributes(semconv.RERANKER_INPUT_DOCUMENTS, inputs, self._settings),
            document_attributes(semconv.RERANKER_OUTPUT_DOCUMENTS, outputs, self._settings),
        )

    def _read_arguments(self, arguments: Mapping[str, object]) -> None:
        query = find_query(arguments)
        documents = find_input_documents(arguments)
        if query is not None:
            self.set_query(query)
        if documents is not None:
            self._inputs.extend(documents)
        if query is None and documents is None:
            super()._read_arguments(arguments)

    def _read_result(self, result: object) -> None:
        found = find_reranked(result, self._inputs)
        if found is None:
            self.set_output(result)
        else:
            self._outputs.extend(found.documents)

    def _read_item(self, item: object) -> None:
        found = find_reranked([item], self._inputs)
        if found is not None and len(self._outputs) < self._settings.max_documents:
            self._outputs.extend(found.documents)


def _found(documents: Documents) -> list[Document]:
    found = find_documents(list(documents))
    if found is None:
        raise TypeError("documents must be groundtrace.Document or have an id or a text")
    return found.documents


@overload
def reranker(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def reranker(
    name: str | None = None,
    *,
    query: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
) -> RerankerStep: ...
def reranker(
    name: Callable[P, R] | str | None = None,
    *,
    query: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
) -> Callable[P, R] | RerankerStep:
    """Trace a reranking: ``with groundtrace.reranker(query=q) as step:`` or ``@groundtrace.reranker``.

    A decorated function's query and input documents are read from its arguments; it may return
    documents, one score for each input in order, or (index, score) pairs.
    """
    if callable(name):
        return RerankerStep()(name)
    return RerankerStep(name, query=query, model=model, top_k=top_k)
