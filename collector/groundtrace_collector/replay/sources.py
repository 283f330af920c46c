"""Where rows and documents come from: files, datasets of a collector, live traces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from groundtrace_collector.datasets.files import ENDINGS, read_rows
from groundtrace_collector.datasets.row import Row
from groundtrace_collector.replay.plan import Corpus, Document, corpus_of
from groundtrace_collector.replay.report import ReplayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from groundtrace import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is replayed: a dataset, by a file's name or a collector's, or without one the newest live queries.

    Without a ``corpus`` (a file) the rows' own chunks are searched, or what the live traces retrieved.
    """

    dataset: str | None = None
    sample: int = 0
    where: str | None = None
    cohort: str | None = None
    since: str | None = None
    corpus: Path | None = None


def read(source: Source, url: str | None) -> tuple[str, list[Row], Corpus]:
    """The rows with their name, and what is searched; a collector is asked only where one is needed.

    Raises DatasetFileError, TableFileError and ReplayError for files, ApiError and ExportError for the collector.
    """
    name, rows, found = _rows(source, url)
    if source.corpus is not None:
        return name, rows, read_corpus(source.corpus)
    return name, rows, found or corpus_of(rows, name)


def _rows(source: Source, url: str | None) -> tuple[str, list[Row], Corpus | None]:
    if source.dataset is not None and is_file(source.dataset):
        return Path(source.dataset).name, file_rows(Path(source.dataset)), None
    from groundtrace import Client

    with Client(url) as client:
        if source.dataset is not None:
            return source.dataset, stored_rows(client, source.dataset), None
        rows, found = sampled(client, source)
    return _named(source), rows, found


def _named(source: Source) -> str:
    """What the report calls a sample.

    >>> _named(Source(sample=5, where="route = 'a'", cohort="german billing"))
    "live queries of german billing where route = 'a'"
    """
    cohort = f" of {source.cohort}" if source.cohort else ""
    return f"live queries{cohort}{f' where {source.where}' if source.where else ''}"


class _Line(BaseModel):
    id: str = Field(min_length=1)
    content: str = Field(min_length=1)


def is_file(dataset: str) -> bool:
    """Whether a dataset is a file's name, by its ending; other names are datasets of the collector."""
    return dataset.lower().endswith(ENDINGS)


def file_rows(path: Path) -> list[Row]:
    """The rows of a dataset's file. Raises DatasetFileError."""
    return list(read_rows(path))


def stored_rows(client: Client, name: str) -> list[Row]:
    """The rows of a dataset that the collector keeps. Raises ApiError, ExportError."""
    return [Row.model_validate(_fields(each)) for each in client.iter_dataset_rows(name)]


def _fields(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name in Row.model_fields}


def read_corpus(path: Path) -> Corpus:
    """A corpus as JSONL, `{"id", "content"}` a line.

    Raises ReplayError that names the line: of what is no such object, and of an id that two documents have.
    """
    found: dict[str, Document] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    each = _Line.model_validate_json(line)
                    if (
                        found.setdefault(each.id, Document(id=each.id, content=each.content)).content
                        != each.content
                    ):
                        raise ReplayError(f"{path}: line {number}: another document has the id {each.id!r}")
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ReplayError(
            f'{path}: line {number}: {field + ": " if field else ""}{first["msg"]}; {{"id", "content"}} is needed'
        ) from error
    return Corpus(name=path.name, documents=tuple(found.values()))


def sampled(client: Client, source: Source) -> tuple[list[Row], Corpus]:
    """The newest of the live traces that are meant, as rows, and the documents that they retrieved as the corpus.

    Relevant are the ids that the app gave as gold (`groundtrace.context(gold=…)`). Traces without a query, or
    with one that is there already, are left out. One request a trace. Raises ReplayError without any, ApiError,
    ExportError.
    """
    rows: dict[str, Row] = {}
    documents: dict[str, Document] = {}
    for listed in client.iter_traces(where=source.where, cohort=source.cohort, since=source.since):
        query = listed["query"]
        if not query or query in rows:
            continue
        trace = client.trace(listed["trace_id"])
        rows[query] = _row(trace)
        for each in _documents(trace["documents"]):
            documents.setdefault(each.id, each)
        if len(rows) >= source.sample:
            break
    if not rows:
        raise ReplayError(f"no trace with a query is among the {_named(source)}: see `groundtrace traces`")
    corpus = Corpus(name="documents of the sampled traces", documents=tuple(documents.values()))
    return list(rows.values()), corpus


def _documents(answers: Iterable[Mapping[str, Any]]) -> list[Document]:
    return [
        Document(id=each["id"], content=each["content"]) for each in answers if each["id"] and each["content"]
    ]


def _row(trace: Mapping[str, Any]) -> Row:
    return Row(
        id=trace["dataset_row"] or "",
        query=trace["query"],
        positive_ids=tuple(each for each in trace["gold_document_ids"] if each),
        metadata=trace["metadata"],
        trace_id=trace["trace_id"],
        embedding_model_version=trace["encoder"],
        source="trace",
    )
