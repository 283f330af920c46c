"""What an index is asked, and what it found: ids and distances or similarities, no texts."""

from collections.abc import Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.documents import Document
from groundtrace.steps.recognise import FoundDocuments
from groundtrace_integrations.scores import number
from groundtrace_integrations.searching import Read, Search, whole
from groundtrace_integrations.watching import Arguments

# A high figure is a near one in these; in all others a far one.
_SIMILARITIES: Final = ("METRIC_INNER_PRODUCT", "METRIC_ABS_INNER_PRODUCT", "METRIC_Jaccard")
# FAISS's place-holder where there are fewer neighbours than asked for.
_NONE: Final = -1


def asked(index: Any, arguments: Arguments) -> Search:
    """Return how many neighbours of how many vectors are wanted."""
    del index
    vectors = arguments.get("x")
    count = getattr(vectors, "shape", ())
    return Search(top_k=whole(arguments.get("k")), queries=int(count[0]) if count else 1)


def search_reader(faiss: Any) -> Read:
    """Return the reader of (distances, labels, …), one row a query."""
    senses = _Senses(faiss)

    def read(index: Any, arguments: Arguments, result: Any, enough: int) -> FoundDocuments:  # noqa: ARG001
        distances, labels = result[0], result[1]
        if not len(labels):
            return FoundDocuments(documents=[])
        documents = _documents(labels[0][:enough].tolist(), distances[0][:enough].tolist())
        return FoundDocuments(documents=documents, sense=senses.of(index))

    return read


def range_reader(faiss: Any) -> Read:
    """Return the reader of (limits, distances, labels): one query's after the other's, in no order."""
    senses = _Senses(faiss)

    def read(index: Any, arguments: Arguments, result: Any, enough: int) -> FoundDocuments:  # noqa: ARG001
        limits, distances, labels = result
        if len(limits) < 2:
            return FoundDocuments(documents=[])
        sense = senses.of(index)
        own = distances[: int(limits[1])]
        # PyTorch's tensors, which may stand here, too, cannot be read backwards.
        best = (-own if sense == semconv.SCORE_SENSE_SIMILARITY else own).argsort()[:enough]
        return FoundDocuments(
            documents=_documents(labels[best].tolist(), distances[best].tolist()), sense=sense
        )

    return read


class _Senses:
    """What an index's figures mean, by its metric."""

    __slots__ = ("_similarities",)

    def __init__(self, faiss: Any) -> None:
        self._similarities = {
            int(value) for name in _SIMILARITIES if (value := getattr(faiss, name, None)) is not None
        }

    def of(self, index: Any) -> str:
        if int(index.metric_type) in self._similarities:
            return semconv.SCORE_SENSE_SIMILARITY
        return semconv.SCORE_SENSE_DISTANCE


def _documents(labels: Sequence[int], scores: Sequence[float]) -> list[Document]:
    return [
        Document(id=str(label), score=number(score))
        for label, score in zip(labels, scores, strict=True)
        if label != _NONE
    ]
