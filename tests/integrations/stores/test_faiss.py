"""Real FAISS indexes: a span's documents are what the search returned."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundtrace_integrations.faiss import FAISSInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import RecordedSpan, SpanRecorder

np = pytest.importorskip("numpy")
faiss = pytest.importorskip("faiss")

DIMENSION = 16
VECTORS = np.random.default_rng(7).random((60, DIMENSION), dtype=np.float32)
CODES = np.random.default_rng(7).integers(0, 256, (60, DIMENSION // 8), dtype=np.uint8)
IDS = np.arange(60) * 10 + 1_000
faiss.omp_set_num_threads(1)  # so few vectors are not worth several


@pytest.fixture(autouse=True)
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    with instrumented(spans, FAISSInstrumentor()):
        yield spans


def filled(description: str, metric: int) -> Any:
    index = faiss.index_factory(DIMENSION, description, metric)
    index.train(VECTORS)
    index.add(VECTORS)
    return index


def assert_tells(span: RecordedSpan, scores: Any, labels: Any) -> None:
    assert span.kind == "RETRIEVER"
    assert span.document_ids == [str(label) for label in labels]
    assert span.document_scores == [float(score) for score in scores]


@pytest.mark.parametrize(
    ("metric", "sense"), [(faiss.METRIC_INNER_PRODUCT, "similarity"), (faiss.METRIC_L2, "distance")]
)
@pytest.mark.parametrize("description", ["Flat", "IVF4,Flat", "HNSW8", "IDMap,Flat", "PCA8,Flat", "SQ8"])
def test_documents_are_what_the_search_returned(
    traced: SpanRecorder, description: str, metric: int, sense: str
) -> None:
    index = faiss.index_factory(DIMENSION, description, metric)
    index.train(VECTORS)
    if description.startswith("IDMap"):
        index.add_with_ids(VECTORS, IDS)
    else:
        index.add(VECTORS)

    scores, labels = index.search(VECTORS[:1], 5)

    span = traced.one()
    assert span.name == f"{type(index).__name__}.search"
    assert_tells(span, scores[0], labels[0])
    assert span.attributes["retrieval.score_sense"] == sense
    assert span.attributes["retrieval.top_k"] == span.attributes["gen_ai.retrieval.top_k"] == 5
    assert span.attributes["gen_ai.operation.name"] == "retrieval"
    assert "input.value" not in span.attributes  # a vector says nothing to anybody


@pytest.mark.parametrize("index_class", ["IndexBinaryFlat", "IndexBinaryHNSW"])
def test_binary_indexes_give_distances(traced: SpanRecorder, index_class: str) -> None:
    index = getattr(faiss, index_class)(DIMENSION)
    index.add(CODES)

    scores, labels = index.search(CODES[:1], k=3)

    assert_tells(traced.one(), scores[0], labels[0])
    assert traced.one().attributes["retrieval.score_sense"] == "distance"


def test_search_and_reconstruct_is_a_search(traced: SpanRecorder) -> None:
    scores, labels, vectors = filled("IVF4,Flat", faiss.METRIC_L2).search_and_reconstruct(VECTORS[:1], 4)

    assert vectors.shape == (1, 4, DIMENSION)
    assert traced.one().name == "IndexIVFFlat.search_and_reconstruct"
    assert_tells(traced.one(), scores[0], labels[0])


@pytest.mark.parametrize(
    ("metric", "falling"), [(faiss.METRIC_INNER_PRODUCT, True), (faiss.METRIC_L2, False)]
)
def test_range_search_is_ranked_best_first(traced: SpanRecorder, metric: int, *, falling: bool) -> None:
    index = filled("Flat", metric)
    radius = float(index.search(VECTORS[:1], 10)[0][0][-1])
    traced.clear()

    limits, scores, labels = index.range_search(VECTORS[:2], radius)

    first = slice(0, int(limits[1]))
    best = sorted(zip(scores[first], labels[first], strict=True), reverse=falling)
    assert len(best) > 5
    assert_tells(traced.one(), [score for score, _ in best], [label for _, label in best])
    assert "retrieval.top_k" not in traced.one().attributes


def test_places_without_a_neighbour_are_no_documents(traced: SpanRecorder) -> None:
    index = faiss.IndexFlatL2(DIMENSION)
    index.add(VECTORS[:2])

    scores, labels = index.search(VECTORS[:1], 5)

    assert (labels[0] == -1).sum() == 3
    assert_tells(traced.one(), scores[0][:2], labels[0][:2])


def test_several_queries_are_one_span_with_the_first_ones_documents(traced: SpanRecorder) -> None:
    scores, labels = filled("Flat", faiss.METRIC_L2).search(VECTORS[:7], 3)

    assert_tells(traced.one(), scores[0], labels[0])
    assert traced.one().attributes["retrieval.query_count"] == 7
    assert traced.one().attributes["retrieval.top_k"] == 3


def test_no_query_at_all_finds_nothing(traced: SpanRecorder) -> None:
    scores, _ = filled("Flat", faiss.METRIC_L2).search(VECTORS[:0], 3)

    assert scores.shape == (0, 3)
    assert traced.one().document_ids == []


def test_a_search_for_more_than_a_span_holds_says_so(traced: SpanRecorder) -> None:
    index = faiss.IndexFlatL2(DIMENSION)
    index.add(np.random.default_rng(1).random((1_000, DIMENSION), dtype=np.float32))

    _, labels = index.search(VECTORS[:1], 1_000)

    span = traced.one()
    assert span.document_ids == [str(label) for label in labels[0][: len(span.document_ids)]]
    assert 40 < len(span.document_ids) < 200
    assert len(span.attributes) <= 128
    assert "retrieval.documents" in span.attributes["groundtrace.truncated"]
    assert len(json.loads(span.attributes["gen_ai.retrieval.documents"])) == 201


def test_an_apps_own_index_class_is_one_span(traced: SpanRecorder) -> None:
    class Doubling(faiss.IndexFlatL2):  # type: ignore[misc, name-defined] # SWIG's classes have no types
        def search(self, x: Any, k: int) -> Any:
            return super().search(x, 2 * k)

    index = Doubling(DIMENSION)
    index.add(VECTORS)
    index.search(VECTORS[:1], 2)

    assert traced.one().attributes["retrieval.top_k"] == 4


def test_what_the_index_raises_is_raised_and_told(traced: SpanRecorder) -> None:
    with pytest.raises(AssertionError):
        filled("Flat", faiss.METRIC_L2).search(VECTORS[:1, :3], 2)

    assert traced.one().status.name == "ERROR"
    assert traced.one().attributes["error.type"] == "AssertionError"


def test_adding_is_no_retrieval_and_not_slowed_by_spans(traced: SpanRecorder) -> None:
    filled("HNSW8", faiss.METRIC_L2)

    assert traced.all() == []


@pytest.mark.parametrize("build", ["faiss-cpu", "faiss-gpu-cu12"])
def test_whichever_build_is_installed_is_the_one_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, build: str
) -> None:
    distribution = tmp_path / f"{build.replace('-', '_')}-1.9.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {build}\nVersion: 1.9.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert FAISSInstrumentor().instrumentation_dependencies() == (f"{build} >= 1.7.3",)
