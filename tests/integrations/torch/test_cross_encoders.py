"""Cross-encoders: a reranking with both orders and the scores, once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import groundtrace
from groundtrace import Document
from groundtrace.passages import text_id
from tests.integrations.torch.conftest import tiny_classifier
from tests.span_recorder import RecordedSpan, SpanRecorder

pytestmark = [pytest.mark.verify, pytest.mark.filterwarnings("ignore::FutureWarning")]
QUERY = "the warranty"
PASSAGES = ["the kettle is two years", "two years is the warranty", "kettle"]


def assert_order(span: RecordedSpan, order: Sequence[int], scores: Sequence[float]) -> None:
    assert span.kind == "RERANKER"
    assert span.attributes["reranker.query"] == span.attributes["input.value"] == QUERY
    assert span.documents("reranker.input_documents", "content") == PASSAGES
    assert span.documents("reranker.output_documents", "content") == [PASSAGES[place] for place in order]
    assert span.documents("reranker.input_documents", "id") == [text_id(text) for text in PASSAGES]
    assert span.documents("reranker.output_documents", "id") == [text_id(PASSAGES[place]) for place in order]
    assert span.documents("reranker.output_documents", "score") == pytest.approx(list(scores))


def test_rank_is_one_span_with_both_orders(
    traced: SpanRecorder, cross_encoder: Any, cross_encoder_folder: Path
) -> None:
    found = cross_encoder.rank(QUERY, PASSAGES, top_k=2)

    assert len(found) == 2
    span = traced.one()
    assert span.name == "CrossEncoder.rank"
    assert_order(span, [item["corpus_id"] for item in found], [item["score"] for item in found])
    assert span.attributes["reranker.top_k"] == 2
    assert span.attributes["reranker.model_name"] == str(cross_encoder_folder)


@pytest.mark.parametrize("options", [{}, {"convert_to_tensor": True}, {"convert_to_numpy": False}], ids=str)
def test_predict_is_a_reranking_of_one_query(
    traced: SpanRecorder, cross_encoder: Any, options: dict[str, Any]
) -> None:
    scores = [
        float(score) for score in cross_encoder.predict([(QUERY, text) for text in PASSAGES], **options)
    ]

    order = sorted(range(3), key=lambda place: -scores[place])
    assert len(set(scores)) == 3
    assert_order(traced.one(), order, [scores[place] for place in order])


def test_passages_go_by_the_ids_that_they_were_retrieved_by(traced: SpanRecorder, cross_encoder: Any) -> None:
    with groundtrace.chain("answer"):
        with groundtrace.retriever(query=QUERY) as step:
            step.add_documents(
                [Document(id="d0", content=PASSAGES[0]), Document(id="d1", content=PASSAGES[1])]
            )
        found = cross_encoder.rank(QUERY, PASSAGES)

    span = traced.of_kind("RERANKER")[0]
    known = ["d0", "d1", text_id(PASSAGES[2])]
    assert span.documents("reranker.input_documents", "id") == known
    order = [item["corpus_id"] for item in found]
    assert span.documents("reranker.output_documents", "id") == [known[place] for place in order]


def test_one_pair_is_one_document(traced: SpanRecorder, cross_encoder: Any) -> None:
    score = cross_encoder.predict((QUERY, PASSAGES[0]))

    span = traced.one()
    assert span.documents("reranker.output_documents", "score") == pytest.approx([float(score)])


def test_pairs_of_several_queries_are_no_order(traced: SpanRecorder, cross_encoder: Any) -> None:
    cross_encoder.predict([("the kettle", "kettle"), ("the warranty", "years")])

    span = traced.one()
    assert "reranker.query" not in span.attributes
    assert span.documents("reranker.output_documents", "score") == []
    assert span.attributes["output.value"].count(",") == 1


def test_a_classifier_is_no_reranker(traced: SpanRecorder, words: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    classifier = CrossEncoder(str(tiny_classifier(words, tmp_path, labels=3)), device="cpu")

    assert classifier.predict([(QUERY, text) for text in PASSAGES]).shape == (3, 3)
    assert traced.all() == []


def test_a_failing_reranker_fails_as_before(traced: SpanRecorder, cross_encoder: Any) -> None:
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError)):
        cross_encoder.rank(QUERY, [3.5])

    span = traced.one()
    assert span.status.name == "ERROR"


def test_many_passages_keep_the_best_ranks(traced: SpanRecorder, cross_encoder: Any) -> None:
    passages = [f"kettle {number}" for number in range(300)]
    cross_encoder.rank(QUERY, passages)

    span = traced.one()
    assert len(span.attributes) <= 128
    assert "reranker.output_documents" in span.attributes["groundtrace.truncated"]
    scores = span.documents("reranker.output_documents", "score")
    assert scores == sorted(scores, reverse=True)


def test_without_texts_the_scores_remain(
    traced: SpanRecorder, cross_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDTRACE_CONTENT", "ids")
    cross_encoder.rank(QUERY, PASSAGES)

    span = traced.one()
    assert len(span.documents("reranker.output_documents", "score")) == 3
    assert not [value for value in span.attributes.values() if "kettle" in str(value)]


def test_langchains_reranker_above_it_is_one_step(
    traced: SpanRecorder, cross_encoder: Any, cross_encoder_folder: Path
) -> None:
    from langchain_core.callbacks import Callbacks
    from langchain_core.cross_encoders import BaseCrossEncoder
    from langchain_core.documents import BaseDocumentCompressor, Document
    from pydantic import ConfigDict

    from groundtrace_integrations.langchain import LangChainInstrumentor

    class Scorer(BaseCrossEncoder):
        def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
            found: list[float] = cross_encoder.predict(text_pairs).tolist()
            return found

    class Reranker(BaseDocumentCompressor):
        model: Any
        model_config = ConfigDict(arbitrary_types_allowed=True)

        def compress_documents(
            self,
            documents: Sequence[Document],
            query: str,
            callbacks: Callbacks | None = None,  # noqa: ARG002 - LangChain's signature
        ) -> Sequence[Document]:
            scores = self.model.score([(query, document.page_content) for document in documents])
            return [
                document for _, document in sorted(zip(scores, documents, strict=True), key=lambda x: -x[0])
            ]

    LangChainInstrumentor().instrument(tracer_provider=traced.provider, skip_dep_check=True)
    try:
        documents = [Document(id=f"d{place}", page_content=text) for place, text in enumerate(PASSAGES)]
        found = Reranker(model=Scorer()).compress_documents(documents, QUERY)
    finally:
        LangChainInstrumentor().uninstrument()

    span = traced.one()
    assert span.name == "Reranker"
    assert span.attributes["reranker.model_name"] == str(cross_encoder_folder)
    assert span.documents("reranker.output_documents", "id") == [document.id for document in found]
    assert all(score is not None for score in span.documents("reranker.output_documents", "score"))
