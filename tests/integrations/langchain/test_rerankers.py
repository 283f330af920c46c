# ruff: noqa: ARG002 - LangChain's interfaces name the arguments
"""Rerankers: what went in, what came out, in which order, with which scores."""

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever

from tests.integrations.langchain.parts import FACTS, OverlapReranker, fact_store
from tests.span_recorder import SpanRecorder

QUESTION = "capital of Italy"


class RerankingRetriever(BaseRetriever):
    """What LangChain's ContextualCompressionRetriever does."""

    base: BaseRetriever
    compressor: BaseDocumentCompressor

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        found = self.base.invoke(query, config={"callbacks": run_manager.get_child()})
        return list(self.compressor.compress_documents(found, query, callbacks=run_manager.get_child()))


class CrossEncoderReranker(BaseDocumentCompressor):
    """What LangChain's reranker of that name does: the scores order, and are thrown away."""

    model: Any
    top_n: int = 2

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        scores = self.model.score([(query, document.page_content) for document in documents])
        ranked = sorted(zip(scores, documents, strict=True), key=lambda pair: -pair[0])
        return [document for _, document in ranked[: self.top_n]]


def test_reranker_span_has_query_model_and_both_lists(traced: SpanRecorder) -> None:
    kept = OverlapReranker().compress_documents(FACTS[:3], QUESTION)

    span = traced.one()
    assert span.kind == "RERANKER"
    assert span.name == "OverlapReranker"
    assert span.attributes["reranker.query"] == QUESTION
    assert span.attributes["reranker.model_name"] == "overlap"
    assert span.attributes["reranker.top_k"] == 2
    assert span.documents("reranker.input_documents", "id") == [fact.id for fact in FACTS[:3]]
    assert span.documents("reranker.input_documents", "content") == [fact.page_content for fact in FACTS[:3]]
    assert span.documents("reranker.output_documents", "score") == [
        document.metadata["relevance_score"] for document in kept
    ]


def test_ids_that_the_reranker_dropped_are_found_again(traced: SpanRecorder) -> None:
    kept = OverlapReranker().compress_documents(FACTS, QUESTION)

    assert [document.id for document in kept] == [None, None]
    assert traced.one().documents("reranker.output_documents", "id") == ["fact-rome", "fact-paris"]


async def test_async_form_through_the_executor_is_one_span(traced: SpanRecorder) -> None:
    await OverlapReranker().acompress_documents(FACTS, QUESTION)

    assert traced.one().documents("reranker.output_documents", "id") == ["fact-rome", "fact-paris"]


def test_reranker_hangs_on_the_retriever_that_uses_it(traced: SpanRecorder) -> None:
    base = fact_store().as_retriever(search_kwargs={"k": 3})
    traced.clear()

    RerankingRetriever(base=base, compressor=OverlapReranker()).invoke(QUESTION)

    outer, inner = traced.of_kind("RETRIEVER")
    (reranker,) = traced.of_kind("RERANKER")
    assert (inner.parent_id, reranker.parent_id) == (outer.span_id, outer.span_id)
    assert reranker.documents("reranker.input_documents", "id") == inner.document_ids
    assert reranker.documents("reranker.input_documents", "score") == inner.document_scores
    assert (
        outer.document_ids
        == reranker.documents("reranker.output_documents", "id")
        == ["fact-rome", "fact-paris"]
    )


def test_scores_of_a_cross_encoder_are_kept(traced: SpanRecorder) -> None:
    cross_encoders = pytest.importorskip("langchain_core.cross_encoders")  # newer than 0.3.9

    class LengthEncoder(cross_encoders.BaseCrossEncoder):  # type: ignore[misc, name-defined]
        def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
            return [len(text) / 100 for _, text in text_pairs]

    kept = CrossEncoderReranker(model=LengthEncoder()).compress_documents(FACTS, QUESTION)

    span = traced.one()
    assert span.documents("reranker.output_documents", "id") == [document.id for document in kept]
    assert span.documents("reranker.output_documents", "score") == pytest.approx(
        [len(document.page_content) / 100 for document in kept]
    )


def test_super_call_is_no_second_span(traced: SpanRecorder) -> None:
    class Shorter(OverlapReranker):
        def compress_documents(
            self, documents: Sequence[Document], query: str, callbacks: Any = None
        ) -> Sequence[Document]:
            return super().compress_documents(documents, query, callbacks)[:1]

    Shorter().compress_documents(FACTS, QUESTION)

    span = traced.one()
    assert span.name == "Shorter"
    assert span.documents("reranker.output_documents", "id") == ["fact-rome"]


def test_reranker_called_by_keyword_is_read_the_same(traced: SpanRecorder) -> None:
    OverlapReranker().compress_documents(query=QUESTION, documents=FACTS)

    span = traced.one()
    assert span.attributes["reranker.query"] == QUESTION
    assert len(span.documents("reranker.input_documents", "id")) == len(FACTS)


def test_a_failing_reranker_fails_as_before(traced: SpanRecorder) -> None:
    class Broken(BaseDocumentCompressor):
        def compress_documents(
            self, documents: Sequence[Document], query: str, callbacks: Any = None
        ) -> Sequence[Document]:
            raise TimeoutError("reranker away")

    with pytest.raises(TimeoutError, match="reranker away"):
        Broken().compress_documents(FACTS, QUESTION)

    span = traced.one()
    assert (span.status.name, span.attributes["error.type"]) == ("ERROR", "TimeoutError")
    assert len(span.documents("reranker.input_documents", "id")) == len(FACTS)
