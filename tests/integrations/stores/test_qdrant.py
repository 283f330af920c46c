"""A real Qdrant in this process: a span's documents are what the client returned."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest

from groundtrace_integrations.qdrant import QdrantInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import RecordedSpan, SpanRecorder

PAYLOADS = (
    {"text": "Paris is in France.", "page": 0},
    {"page_content": "Rome is in Italy.", "metadata": {"page": 1}},
    {"title": "Tea"},
)
VECTORS = ([1.0, 0.0, 0.1], [0.8, 0.4, 0.0], [0.0, 0.1, 1.0])
QUERY = [0.9, 0.1, 0.1]
CONTENTS = {1: "Paris is in France.", 2: "Rome is in Italy.", 3: None}
METADATA = {1: {"page": 0}, 2: {"metadata": {"page": 1}}, 3: {"title": "Tea"}}


@pytest.fixture(scope="module")
def qdrant() -> Any:
    pytest.importorskip("qdrant_client.models")
    return pytest.importorskip("qdrant_client")


@pytest.fixture(scope="module")
def client(qdrant: Any) -> Any:
    client = qdrant.QdrantClient(":memory:")
    for name in ("Cosine", "Dot", "Euclid"):
        fill(qdrant, client, name)
    return client


def fill(qdrant: Any, client: Any, distance: str) -> None:
    client.create_collection(
        distance,
        vectors_config=qdrant.models.VectorParams(size=3, distance=qdrant.models.Distance(distance)),
    )
    client.upsert(distance, points_of(qdrant))


def points_of(qdrant: Any) -> list[Any]:
    return [
        qdrant.models.PointStruct(id=number, vector=vector, payload=payload)
        for number, (vector, payload) in enumerate(zip(VECTORS, PAYLOADS, strict=True), start=1)
    ]


@pytest.fixture(autouse=True)
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    with instrumented(spans, QdrantInstrumentor()):
        yield spans


def needs(client: Any, method: str) -> None:
    if not hasattr(client, method):
        pytest.skip(f"this version of the client has no {method}")


def assert_tells(span: RecordedSpan, points: Any) -> None:
    assert span.kind == "RETRIEVER"
    assert span.document_ids == [str(point.id) for point in points]
    assert span.document_scores == [point.score for point in points]
    assert span.documents("retrieval.documents", "content") == [CONTENTS[point.id] for point in points]
    assert [json.loads(text) for text in span.documents("retrieval.documents", "metadata")] == [
        METADATA[point.id] for point in points
    ]


@pytest.mark.parametrize(
    ("collection", "sense"), [("Cosine", "similarity"), ("Dot", "similarity"), ("Euclid", "distance")]
)
@pytest.mark.parametrize("limit", [3, 1])
def test_documents_are_what_the_client_returned(
    traced: SpanRecorder, client: Any, collection: str, sense: str, limit: int
) -> None:
    needs(client, "query_points")

    points = client.query_points(collection, QUERY, limit=limit).points

    span = traced.one()
    assert span.name == "QdrantClient.query_points"
    assert len(points) == limit
    assert_tells(span, points)
    assert span.attributes["retrieval.score_sense"] == sense
    assert span.attributes["retrieval.top_k"] == limit
    assert span.attributes["gen_ai.data_source.id"] == collection


def test_the_search_of_older_clients_is_told_too(traced: SpanRecorder, client: Any) -> None:
    needs(client, "search")

    points = client.search("Euclid", QUERY)

    assert_tells(traced.one(), points)
    assert traced.one().name == "QdrantClient.search"
    assert traced.one().attributes["retrieval.top_k"] == 10
    assert traced.one().attributes["retrieval.score_sense"] == "distance"


def test_a_batch_is_one_span_with_the_first_requests_documents(
    traced: SpanRecorder, qdrant: Any, client: Any
) -> None:
    needs(client, "query_batch_points")
    requests = [
        qdrant.models.QueryRequest(query=query, limit=limit, with_payload=True)
        for query, limit in ((QUERY, 2), (VECTORS[2], 1))
    ]

    first, _second = client.query_batch_points("Cosine", requests=requests)

    assert_tells(traced.one(), first.points)
    assert traced.one().attributes["retrieval.query_count"] == 2
    assert traced.one().attributes["retrieval.top_k"] == 2


def test_groups_are_told_one_after_the_other(traced: SpanRecorder, client: Any) -> None:
    needs(client, "query_points_groups")

    groups = client.query_points_groups("Cosine", group_by="page", query=QUERY).groups

    assert_tells(traced.one(), [point for group in groups for point in group.hits])


def test_fused_scores_are_similarities_whatever_the_distance(
    traced: SpanRecorder, qdrant: Any, client: Any
) -> None:
    needs(client, "query_points")
    models = qdrant.models

    client.query_points(
        "Euclid",
        prefetch=[models.Prefetch(query=QUERY), models.Prefetch(query=VECTORS[0])],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
    )

    assert traced.one().attributes["retrieval.score_sense"] == "similarity"


def test_a_filter_alone_has_documents_and_no_sense(traced: SpanRecorder, client: Any) -> None:
    needs(client, "query_points")

    points = client.query_points("Cosine").points

    assert_tells(traced.one(), points)
    assert "retrieval.score_sense" not in traced.one().attributes


async def test_the_async_client_is_told_alike(traced: SpanRecorder, qdrant: Any) -> None:
    client = qdrant.AsyncQdrantClient(":memory:")
    await client.create_collection(
        "facts",
        vectors_config=qdrant.models.VectorParams(size=3, distance=qdrant.models.Distance.COSINE),
    )
    await client.upsert("facts", points_of(qdrant))
    query = getattr(client, "query_points", None) or client.search
    assert inspect.iscoroutinefunction(query)

    result = await query("facts", QUERY, limit=2)

    assert_tells(traced.one(), getattr(result, "points", result))
    assert traced.one().name.startswith("AsyncQdrantClient.")
    await client.close()


def test_what_the_client_raises_is_raised_and_told(traced: SpanRecorder, client: Any) -> None:
    method = getattr(client, "query_points", None) or client.search

    with pytest.raises(ValueError, match="nowhere not found"):
        method("nowhere", QUERY)

    assert traced.one().attributes["error.type"] == "ValueError"


def test_writing_and_fetching_by_id_are_no_retrieval(traced: SpanRecorder, qdrant: Any, client: Any) -> None:
    client.upsert("Dot", points_of(qdrant))
    client.retrieve("Dot", [1])
    client.scroll("Dot")

    assert traced.all() == []
