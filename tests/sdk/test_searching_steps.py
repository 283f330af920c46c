# ruff: noqa: ARG001, ARG005 - the decorated functions have the signatures of what they stand for
"""Retriever and cache steps around a vector store's traced client: one operation, one span."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import groundtrace
from groundtrace import Document
from groundtrace_integrations.faiss import FAISSInstrumentor
from tests.span_recorder import SpanRecorder

np = pytest.importorskip("numpy")
faiss = pytest.importorskip("faiss")

VECTORS = np.eye(4, dtype=np.float32)
QUERY = np.array([[0.9, 0.3, 0.1, 0.0]], dtype=np.float32)


@pytest.fixture(autouse=True)
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    FAISSInstrumentor().instrument(tracer_provider=spans.provider, skip_dep_check=True)
    yield spans
    FAISSInstrumentor().uninstrument()


def index(metric: int = faiss.METRIC_INNER_PRODUCT) -> Any:
    index = faiss.IndexFlat(4, metric)
    index.add(VECTORS)
    return index


def test_a_retriever_is_one_span_with_its_own_documents(traced: SpanRecorder) -> None:
    @groundtrace.retriever
    def search(query: str) -> list[Document]:
        scores, labels = index(faiss.METRIC_L2).search(QUERY, 2)
        return [
            Document(id=f"doc-{label}", score=float(score))
            for score, label in zip(scores[0], labels[0], strict=True)
        ]

    search("which?")

    span = traced.one()
    assert span.name == "search"
    assert span.document_ids == ["doc-0", "doc-1"]
    assert span.attributes["retrieval.top_k"] == 2
    assert span.attributes["retrieval.score_sense"] == "distance"  # as the index says


def test_scores_that_the_app_made_itself_are_not_called_what_the_index_calls_its_own(
    traced: SpanRecorder,
) -> None:
    with groundtrace.retriever(query="which?", top_k=1) as step:
        scores, _ = index(faiss.METRIC_L2).search(QUERY, 3)
        step.add_documents([Document(id="doc-0", score=1 / (1 + float(scores[0][0])))])

    assert "retrieval.score_sense" not in traced.one().attributes
    assert traced.one().attributes["retrieval.top_k"] == 1


@pytest.mark.parametrize(
    ("returned", "ids"),
    [
        pytest.param(lambda found: found, ["0", "1"], id="the index's own arrays"),
        pytest.param(lambda found: [], [], id="nothing"),
    ],
)
def test_what_the_store_found_stands_in_for_documents_that_nobody_named(
    traced: SpanRecorder, returned: Callable[[Any], Any], ids: list[str]
) -> None:
    @groundtrace.retriever
    def search(query: str) -> Any:
        return returned(index().search(QUERY, 2))

    search("which?")

    assert traced.one().document_ids == ids


def test_a_step_that_is_used_twice_forgets_the_first_search(traced: SpanRecorder) -> None:
    step = groundtrace.retriever("search")
    with step:
        index().search(QUERY, 2)
    with step:
        pass

    assert [span.document_ids for span in traced.all()] == [["0", "1"], []]


@pytest.mark.parametrize("hit", [True, False])
def test_a_caches_own_search_is_no_retrieval_and_tells_how_near_it_is(
    traced: SpanRecorder, *, hit: bool
) -> None:
    with groundtrace.cache(query="which?", threshold=0.8) as step:
        scores, _ = index().search(QUERY, 1)
        if hit:
            step.hit()
        else:
            step.miss()

    span = traced.one()
    assert span.kind == "CHAIN"
    assert span.attributes["groundtrace.cache.hit"] is hit
    assert span.attributes["groundtrace.cache.similarity"] == float(scores[0][0])
    assert span.attributes["groundtrace.cache.threshold"] == 0.8


def test_a_distance_is_not_called_a_similarity(traced: SpanRecorder) -> None:
    with groundtrace.cache(query="which?") as step:
        index(faiss.METRIC_L2).search(QUERY, 1)
        step.hit()

    assert "groundtrace.cache.similarity" not in traced.one().attributes


@pytest.mark.parametrize(
    ("returned", "hit", "similarity", "query"),
    [
        pytest.param(None, False, None, None, id="None"),
        pytest.param([], False, None, None, id="an empty list"),
        pytest.param("Five days.", True, None, None, id="the answer"),
        pytest.param(("Five days.", 0.93), True, 0.93, None, id="answer and similarity"),
        pytest.param(
            {"answer": "Five days.", "similarity": 0.93, "query": "How long?"}, True, 0.93, "How long?",
            id="a mapping",
        ),
        pytest.param(
            [SimpleNamespace(response="Five days.", score=np.float32(0.5), prompt="How long?")], True, 0.5,
            "How long?", id="a list of entries",
        ),
        pytest.param(
            [{"response": "Five days.", "prompt": "How long?", "distance": 0.1}], True, None, "How long?",
            id="an entry with a distance",
        ),
    ],
)  # fmt: skip
async def test_a_decorated_lookup_says_by_what_it_returns(
    traced: SpanRecorder, returned: object, similarity: float | None, query: str | None, *, hit: bool
) -> None:
    @groundtrace.cache(threshold=0.9)
    def lookup(question: str) -> object:
        return returned

    @groundtrace.cache(threshold=0.9)
    async def alookup(question: str) -> object:
        return returned

    assert lookup("How many days?") is returned
    assert await alookup("How many days?") is returned

    for span in traced.all():
        assert span.attributes["input.value"] == "How many days?"
        assert span.attributes["groundtrace.cache.threshold"] == 0.9
        assert span.attributes["groundtrace.cache.hit"] is hit
        assert span.attributes.get("groundtrace.cache.similarity") == similarity
        assert span.attributes.get("groundtrace.cache.query") == query


def test_a_lookup_that_fails_is_neither_hit_nor_miss(traced: SpanRecorder) -> None:
    with pytest.raises(ConnectionError), groundtrace.cache(query="which?"):
        raise ConnectionError

    assert traced.one().status.name == "ERROR"
    assert "groundtrace.cache.hit" not in traced.one().attributes
