"""How old a trace's documents are: the dates that loaders write into their metadata."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.collector.otlp import new_trace_id

if TYPE_CHECKING:
    from groundtrace_collector.collector import Collector
    from tests.collector.conftest import Send

NONE = "1970-01-01 00:00:00"
MAY = "2024-05-01 10:00:00"
DATED: list[tuple[Any, str]] = [
    ({"last_modified": "2024-05-01T10:00:00Z"}, MAY),
    ({"last_modified": "2024-05-01T12:00:00.123456+02:00"}, MAY),
    ({"lastModified": "2024-05-01 10:00"}, MAY),
    ({"pubDate": "Wed, 01 May 2024 10:00:00 GMT"}, NONE),
    ({"updated_at": "2024-05-01 10:00:00"}, MAY),
    ({"modDate": "D:20240501100000+00'00'"}, MAY),
    ({"modifiedTime": 1714557600}, MAY),
    ({"mtime": 1714557600.25}, MAY),
    ({"createdAt": 1714557600000}, MAY),
    ({"created": "1714557600"}, MAY),
    ({"last_modified_date": "2024-05-01"}, "2024-05-01 00:00:00"),
    ({"date": "20240501"}, "2024-05-01 00:00:00"),
    ({"publication_date": "2024/05/01"}, "2024-05-01 00:00:00"),
    ({"Published": "1955-03-01"}, "1955-03-01 00:00:00"),
    # The last change tells more than publishing, publishing more than making; what is no date is passed over.
    ({"creation_date": "2020-01-01", "published": "2021-01-01", "last_modified": "2024-05-01"}, "2024-05-01 00:00:00"),
    ({"date": "2020-01-01", "publish_date": "2021-01-01"}, "2021-01-01 00:00:00"),
    ({"last_modified": "yesterday", "updated": None, "created": "2024-05-01"}, "2024-05-01 00:00:00"),
    ({"last_accessed_date": "2024-05-01", "candidate": "2024-05-01", "source": "a.md"}, NONE),
    ({"date": "2024"}, NONE),
    ({"date": "01/02/2024"}, NONE),
    ({"date": "12"}, NONE),
    ({"date": ["2024-05-01"], "created": {"at": "2024-05-01"}}, NONE),
    ({"date": "9999-99-99"}, NONE),
    ({"updated_at": 10**30}, NONE),
    ({"updated_at": -1714557600}, NONE),
    ({}, NONE),
    ("last_modified: 2024-05-01", NONE),
    ([{"date": "2024-05-01"}], NONE),
    ("\x00date\ufffd'", NONE),
]  # fmt: skip


async def dates(collector: Collector) -> list[str]:
    rows = await collector.store.query(
        "SELECT toString(DatedAt, 'UTC') AS At FROM retrieved_documents ORDER BY Stage, Rank"
    )
    return [row["At"] for row in rows]


async def test_a_documents_date_is_read_from_what_loaders_write(send: Send, collector: Collector) -> None:
    attributes: dict[str, str] = {}
    for place, (metadata, _) in enumerate(DATED):
        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        attributes |= {
            f"retrieval.documents.{place}.document.id": f"d{place}",
            f"retrieval.documents.{place}.document.metadata": text,
        }
    attributes[f"retrieval.documents.{len(DATED)}.document.id"] = "without metadata"
    await send([{"trace_id": new_trace_id(), "kind": "RETRIEVER", "attributes": attributes}])

    found = await dates(collector)

    assert dict(enumerate(zip(found, [*(str(each) for each, _ in DATED), ""], strict=True))) == {
        place: (expected, str(metadata)) for place, (metadata, expected) in enumerate([*DATED, ("", NONE)])
    }


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(
            {
                "gen_ai.operation.name": "retrieval",
                "gen_ai.retrieval.documents": json.dumps([{"id": "d", "metadata": {"updated_at": MAY}}]),
            },
            id="genai",
        ),
        pytest.param(
            {
                "openinference.span.kind": "RETRIEVER",
                "traceloop.entity.output": json.dumps(
                    {"documents": [{"page_content": "x", "metadata": {"source": "d", "updated_at": MAY}}]}
                ),
            },
            id="openllmetry",
        ),
    ],
)
async def test_other_vocabularies_documents_have_dates_too(
    send: Send, collector: Collector, attributes: dict[str, str]
) -> None:
    await send([{"trace_id": new_trace_id(), "attributes": attributes}])

    assert await dates(collector) == [MAY]


def _documents(stage: str, *documents: tuple[str, str | None]) -> dict[str, str]:
    """Documents by id, best first, with the date in their metadata where they have one."""
    found = {}
    for place, (id_, date) in enumerate(documents):
        found[f"{stage}.{place}.document.id"] = id_
        if date is not None:
            found[f"{stage}.{place}.document.metadata"] = json.dumps({"last_modified": date})
    return found


RETRIEVED = _documents("retrieval.documents", ("a", None), ("b", "2024-02-01"), ("c", "2024-03-01"))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([("RETRIEVER", RETRIEVED)], "2024-02-01", id="best-ranked-that-has-one"),
        pytest.param(
            [
                ("RETRIEVER", RETRIEVED),
                ("RERANKER", _documents("reranker.output_documents", ("c", None), ("b", None))),
            ],
            "2024-03-01",
            id="reranked-with-the-retrievers-date",
        ),
        pytest.param(
            [
                ("RETRIEVER", RETRIEVED),
                ("RERANKER", _documents("reranker.output_documents", ("a", None), ("x", "2023-01-01"))),
            ],
            "2023-01-01",
            id="the-rerankers-own",
        ),
        pytest.param(
            [("RETRIEVER", RETRIEVED), ("RERANKER", _documents("reranker.output_documents", ("a", None)))],
            "1970-01-01",
            id="none-of-the-context",
        ),
        pytest.param([("CHAIN", {})], "1970-01-01", id="no-documents"),
    ],
)
async def test_a_traces_document_date_is_that_of_the_best_ranked_of_its_context(
    send: Send, collector: Collector, spans: list[tuple[str, dict[str, str]]], expected: str
) -> None:
    trace_id = new_trace_id()
    await send([{"trace_id": trace_id, "kind": kind, "attributes": attributes} for kind, attributes in spans])

    (row,) = await collector.store.query("SELECT toString(DocumentAt, 'UTC') AS At FROM traces FINAL")

    assert row["At"] == f"{expected} 00:00:00"
