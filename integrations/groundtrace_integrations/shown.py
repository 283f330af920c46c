"""Which documents a trace carries already, so that their text is written once."""

from typing import Final

MAX_DOCUMENTS: Final = 10_000


class ShownDocuments:
    """The documents of one trace: by id and text the score they had last, by text the id.

    Texts are kept as hashes. Bounded: a trace with more documents forgets and repeats some.
    """

    __slots__ = ("_id_by_text", "_scores")

    def __init__(self) -> None:
        self._scores: dict[tuple[str, int], float | None] = {}
        self._id_by_text: dict[int, str] = {}

    def add(self, document_id: str, text: str, score: float | None) -> bool:
        """Note a document; True when its text is carried already."""
        hashed = hash(text)
        key = (document_id, hashed)
        carried = key in self._scores
        if not carried and len(self._scores) >= MAX_DOCUMENTS:
            self._scores.clear()
            self._id_by_text.clear()
        if score is not None or not carried:
            self._scores[key] = score
        self._id_by_text.setdefault(hashed, document_id)
        return carried

    def score(self, document_id: str, text: str) -> float | None:
        """Return the score that the document had last."""
        return self._scores.get((document_id, hash(text)))

    def id_of(self, text: str) -> str | None:
        """Return the id of the document with this text: rerankers copy documents and forget the id."""
        return self._id_by_text.get(hash(text))
