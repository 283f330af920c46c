"""What a replay asks and searches: queries, documents and which of them are relevant. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtrace_collector.replay.report import WHOLE, CorpusFacts, DatasetFacts, ReplayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from groundtrace_collector.datasets.row import Row
    from groundtrace_collector.replay.report import Cluster

_METADATA = "metadata."
_ROW_DIMENSIONS = ("intent", "embedding_model_version", "model_version", "source")
NONE_KEY = ""
"""The cohort of the rows that have no value in the dimension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of the corpus."""

    id: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The documents that are searched, and where they are from; ids are unique."""

    name: str
    documents: tuple[Document, ...]

    def facts(self) -> CorpusFacts:
        """For the report."""
        contents = [[each.id, each.content] for each in self.documents]
        return CorpusFacts(name=self.name, documents=len(self.documents), digest=_digest(contents))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row as a replay takes it: places are those of `Plan.texts`."""

    query: str
    relevant: frozenset[str]  # ids, also of documents that the corpus lacks
    positives: tuple[int, ...]  # texts whose similarity is the positive's
    negative: int | None  # None: the best-ranked document that is not relevant


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What both encoders encode. The first ``len(ids)`` texts are the corpus; only they are retrieved."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    questions: tuple[Question, ...]

    def warnings(self) -> list[str]:
        """What a reader of the report has to know about the rows."""
        known = frozenset(self.ids)
        lacking = sum(bool(each.relevant - known) for each in self.questions)
        unjudged = sum(not each.relevant for each in self.questions)
        mined = sum(each.negative is None and bool(each.positives) for each in self.questions)
        repeated = len(self.questions) - len({plain(each.query) for each in self.questions})
        said = []
        if lacking:
            said.append(f"{lacking} rows name relevant documents that the corpus lacks: they count as missed")
        if unjudged:
            said.append(f"{unjudged} rows name no relevant document: they count for churn only")
        if mined:
            said.append(
                f"{mined} rows have no hard negative: each encoder's own best-ranked irrelevant document is taken"
            )
        if repeated:
            said.append(
                f"{repeated} rows ask what a row before them asks: rows of one query are drawn together"
            )
        return said


def plan(rows: Sequence[Row], corpus: Corpus) -> Plan:
    """Tie rows to the corpus.

    Relevant are a row's `positive_ids` and `document_id`; where it has neither, the documents whose text is its
    `positive_chunk`. Chunks that the corpus lacks are encoded for the margin, but not retrieved.
    Raises ReplayError without rows or documents.
    """
    if not rows:
        raise ReplayError("there are no rows to replay")
    if not corpus.documents:
        raise ReplayError(f"the corpus {corpus.name} has no documents: give one with --corpus FILE.jsonl")
    texts = [each.content for each in corpus.documents]
    places = _Places(corpus, texts)
    questions = tuple(places.question(row) for row in rows)
    return Plan(ids=tuple(each.id for each in corpus.documents), texts=tuple(texts), questions=questions)


class _Places:
    """Where each id and each text stands; texts that are new are added at the end."""

    def __init__(self, corpus: Corpus, texts: list[str]) -> None:
        self._texts = texts
        self._by_id = {each.id: place for place, each in enumerate(corpus.documents)}
        self._by_text: dict[str, int] = {}
        self._ids: dict[str, set[str]] = {}
        for place, each in enumerate(corpus.documents):
            self._by_text.setdefault(each.content, place)
            self._ids.setdefault(each.content, set()).add(each.id)

    def question(self, row: Row) -> Question:
        named = {*row.positive_ids, *([row.document_id] if row.document_id else [])}
        relevant = named or self._with_text(row.positive_chunk)
        if row.positive_chunk:
            positives: tuple[int, ...] = (self._place(row.positive_chunk),)
        else:
            positives = tuple(sorted(self._by_id[each] for each in relevant if each in self._by_id))
        return Question(
            query=row.query,
            relevant=frozenset(relevant),
            positives=positives,
            negative=self._negative(row),
        )

    def _with_text(self, chunk: str | None) -> set[str]:
        """The ids of a text; for one that the corpus lacks an id that no document has, so that it is missed."""
        return (self._ids.get(chunk) or {f"text {_digest([chunk])}"}) if chunk else set()

    def _negative(self, row: Row) -> int | None:
        if row.hard_negative_chunk:
            return self._place(row.hard_negative_chunk)
        return self._by_id.get(row.hard_negative_id) if row.hard_negative_id else None

    def _place(self, text: str) -> int:
        if text not in self._by_text:
            self._by_text[text] = len(self._texts)
            self._texts.append(text)
        return self._by_text[text]


def corpus_of(rows: Sequence[Row], name: str) -> Corpus:
    """The chunks of the rows themselves, one document a text; an id that a row lacks is a hash of the text."""
    found: dict[str, Document] = {}
    for row in rows:
        only = row.positive_ids[0] if len(row.positive_ids) == 1 else None
        for text, id_ in (
            (row.positive_chunk, row.document_id or only),
            (row.hard_negative_chunk, row.hard_negative_id),
        ):
            if text:
                document = Document(id=id_ or hashlib.sha256(text.encode()).hexdigest()[:20], content=text)
                found.setdefault(document.id, document)
    return Corpus(name=f"chunks of {name}", documents=tuple(found.values()))


def dataset_facts(name: str, rows: Sequence[Row]) -> DatasetFacts:
    """For the report."""
    return DatasetFacts(name=name, rows=len(rows), digest=_digest([row.digest for row in rows]))


def cohort_keys(rows: Sequence[Row], by: str | None) -> list[str]:
    """The value of the dimension for each row, '' where it has none. Raises ReplayError for another dimension."""
    if by is None:
        return [WHOLE] * len(rows)
    if by.startswith(_METADATA) and by != _METADATA:
        key = by.removeprefix(_METADATA)
        return [row.metadata.get(key, NONE_KEY) for row in rows]
    if by in _ROW_DIMENSIONS:
        return [getattr(row, by) or NONE_KEY for row in rows]
    raise ReplayError(f"--by must be metadata.KEY, {', '.join(_ROW_DIMENSIONS)}, got {by!r}")


def cluster_codes(rows: Sequence[Row], cluster: Cluster) -> list[int]:
    """Which rows are drawn together: those of one query, or those of one (first) relevant document."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(_cluster_key(row, cluster), len(numbers)) for row in rows]


def plain(query: str) -> str:
    """A query without what makes no difference: case and spaces."""
    return " ".join(query.casefold().split())


def _cluster_key(row: Row, cluster: Cluster) -> str:
    query = plain(row.query)
    if cluster == "query":
        return query
    document = row.document_id or next(iter(row.positive_ids), None) or row.positive_chunk
    return f"document {document}" if document else f"query {query}"


def _digest(value: Iterable[object]) -> str:
    text = json.dumps(list(value), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
