"""Scores that a store gave below a retriever, which LangChain's retrievers throw away."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from groundtrace import semconv
from groundtrace.steps.recognise import FoundDocuments
from groundtrace_integrations.scores import number, sense_by_order

if TYPE_CHECKING:
    from langchain_core.documents import Document

DISTANCE_STORES: Final = frozenset({"Chroma", "PGVector", "LanceDB"})
"""Stores that give distances, for a search with too few hits to tell by their order."""

SIMILARITY_STORES: Final = frozenset(
    {"InMemoryVectorStore", "PineconeVectorStore", "MongoDBAtlasVectorSearch"}
)


class SeenScores:
    """The scores of one retrieval's documents, found again by the documents themselves."""

    __slots__ = ("_by_identity", "below", "last", "sense", "top_k")

    def __init__(self) -> None:
        # The documents are kept too: an id() is only good while its object lives.
        self._by_identity: dict[int, tuple[Document, float]] = {}
        self.sense: str | None = None
        self.top_k: int | None = None
        # The result noted last: a layer that hands on the one below's has nothing to add.
        self.last: object = None
        # What the store's client found, where that is traced, too: the last search stands.
        self.below: FoundDocuments | None = None

    def note(self, pairs: Sequence[tuple["Document", float]], sense: str | None) -> None:
        """Remember a search's hits; a later layer's scores replace an earlier one's."""
        for document, score in pairs:
            self._by_identity[id(document)] = (document, score)
        self.sense = sense

    def note_below(self, found: FoundDocuments) -> None:
        """Remember what the store's own client found, for documents that no layer above it scored."""
        self.below = found

    def find(self, document: "Document") -> float | None:
        """Return the score of a document, or of one with the same id or else the same text."""
        if not self._by_identity:
            return None
        seen = self._by_identity.get(id(document))
        if seen is None:
            seen = next((pair for pair in self._by_identity.values() if _same(pair[0], document)), None)
        return None if seen is None else seen[1]


def _same(one: "Document", other: "Document") -> bool:
    if one.id is not None and other.id is not None:
        return one.id == other.id
    return one.page_content == other.page_content


def scored_pairs(found: object) -> list[tuple[Any, float]]:
    """Return the (document, score) pairs of a search's result; none when it has another shape."""
    if not isinstance(found, (list, tuple)) or not found or not isinstance(found[0], tuple):
        return []
    return [
        (item[0], score)
        for item in found
        if isinstance(item, tuple) and len(item) >= 2 and (score := number(item[1])) is not None
    ]


def score_sense(scores: Sequence[float], store: object) -> str | None:
    """Tell similarity from distance by the hits' order, else by what the store's class is known for."""
    told = sense_by_order(scores)
    if told is not None:
        return told
    names = {cls.__name__ for cls in type(store).__mro__}
    if names & SIMILARITY_STORES:
        return semconv.SCORE_SENSE_SIMILARITY
    return semconv.SCORE_SENSE_DISTANCE if names & DISTANCE_STORES else None


def scores_below(found: FoundDocuments, documents: Sequence[tuple[str | None, str]]) -> list[float | None]:
    """Return the scores that a store's client gave documents of these ids and texts.

    By the text, where the client has it. By the id only when the client knows every one of them: else
    the ids are of two sorts, an index's own numbers and the app's, and an agreement is chance.
    """
    known = found.documents
    by_id = {document.id: document.score for document in known}
    by_text = {document.content: document.score for document in known if document.content is not None}
    same_ids = all(document_id is not None and document_id in by_id for document_id, _ in documents)
    return [
        by_text.get(text, by_id.get(document_id) if same_ids else None) for document_id, text in documents
    ]
