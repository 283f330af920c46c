"""Texts handed to Qdrant's client, which it encodes by a real fastembed with a model of the test's own.

fastembed is not among what the other tests need: `make verify` runs these in an environment with it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_integrations.qdrant import QdrantInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import SpanRecorder

fastembed: Any = pytest.importorskip("fastembed")
descriptions: Any = pytest.importorskip("fastembed.common.model_description")
models: Any = pytest.importorskip("qdrant_client.models")

MODEL = "tests/tiny"
TEXTS = ["tunnel opened", "cat sleeps", "bern aare"]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make fastembed know a model of a few words; what it is loaded by."""
    from tests.evaluators.onnx.folders import SIZE, make_encoder

    folder: Path = make_encoder(tmp_path_factory.mktemp("models") / "tiny")
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 16, "pad_token": "[PAD]"}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    fastembed.TextEmbedding.add_custom_model(
        model=MODEL,
        pooling=descriptions.PoolingType.MEAN,
        normalization=True,
        sources=descriptions.ModelSource(hf=MODEL),
        dim=SIZE,
        model_file="model.onnx",
    )
    return {"specific_model_path": str(folder)}


@pytest.fixture
def client(options: dict[str, str]) -> Any:
    import qdrant_client

    client = qdrant_client.QdrantClient(":memory:")
    client.create_collection(
        "facts", vectors_config=models.VectorParams(size=4, distance=models.Distance.COSINE)
    )
    client.upsert("facts", points(options))
    return client


def points(options: dict[str, str]) -> list[Any]:
    return [
        models.PointStruct(id=number, vector=document(text, options), payload={"text": text})
        for number, text in enumerate(TEXTS)
    ]


def document(text: str, options: dict[str, str]) -> Any:
    return models.Document(text=text, model=MODEL, options=options)


@pytest.fixture
def traced(client: Any, spans: SpanRecorder) -> Iterator[SpanRecorder]:  # noqa: ARG001 - filled before
    with instrumented(spans, QdrantInstrumentor()):
        yield spans


def test_a_querys_text_is_encoded_inside_the_search(
    traced: SpanRecorder, client: Any, options: dict[str, str]
) -> None:
    found = client.query_points("facts", query=document("cat sleeps", options), limit=2)

    retrieval, encoding = traced.all()
    assert retrieval.document_ids == [str(point.id) for point in found.points]
    assert retrieval.document_ids[0] == "1"
    assert retrieval.attributes["input.value"] == "cat sleeps"
    assert (encoding.kind, encoding.parent_id) == ("EMBEDDING", retrieval.span_id)
    attributes = encoding.attributes
    assert attributes["embedding.model_name"] == MODEL
    assert attributes["embedding.fingerprint"] == embedding_fingerprint(model=MODEL, dimension=4)
    assert attributes["embedding.norm.mean"] == pytest.approx(1.0, abs=1e-5)
    assert attributes["input.value"] == "cat sleeps"
    assert "groundtrace.indexing" not in attributes


def test_points_that_are_texts_are_encoded_as_indexing(
    traced: SpanRecorder, client: Any, options: dict[str, str]
) -> None:
    client.upsert("facts", points(options))

    encodings = traced.of_kind("EMBEDDING")
    assert len(encodings) == len(traced.all())
    assert sum(encoding.attributes["embedding.text_count"] for encoding in encodings) == 3
    assert all(encoding.attributes["groundtrace.indexing"] is True for encoding in encodings)


def test_a_model_that_cannot_be_loaded_fails_as_before(traced: SpanRecorder, client: Any) -> None:
    with pytest.raises(ValueError, match="nowhere/model"):
        client.query_points("facts", query=models.Document(text="cat", model="nowhere/model"))

    assert {span.status.name for span in traced.all()} == {"ERROR"}
