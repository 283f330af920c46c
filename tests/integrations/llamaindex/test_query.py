"""A query from its question to its answer: engines, retrievers, rerankers, encoders."""

from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle
from opentelemetry import trace

import groundtrace
from groundtrace.settings import TraceSettings, use_settings
from tests.integrations.llamaindex.parts import (
    ANSWER,
    FACTS,
    QUESTION,
    OverlapReranker,
    SayingLLM,
    WordEmbedding,
    fact_index,
)
from tests.span_recorder import SpanRecorder


@pytest.fixture(scope="module")
def index() -> VectorStoreIndex:
    return fact_index()


def engine(index: VectorStoreIndex, **changes: Any) -> Any:
    return index.as_query_engine(
        **{"llm": SayingLLM(), "similarity_top_k": 3, "node_postprocessors": [OverlapReranker()], **changes}
    )


def test_a_query_is_one_trace_from_question_to_answer(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    answer = engine(index).query(QUESTION)

    assert str(answer) == ANSWER
    assert len(traced.trace_ids()) == len(traced.roots()) == 1
    (root,) = traced.roots()
    assert (root.name, root.kind) == ("RetrieverQueryEngine.query", "CHAIN")
    assert (root.attributes["input.value"], root.attributes["output.value"]) == (QUESTION, ANSWER)
    for kind in ("RETRIEVER", "EMBEDDING", "RERANKER", "LLM"):
        assert len(traced.of_kind(kind)) == 1
    assert {span.status.name for span in traced.all()} == {"OK"}


def test_retrieved_documents_are_those_the_call_returned(
    traced: SpanRecorder, index: VectorStoreIndex
) -> None:
    found = index.as_retriever(similarity_top_k=3).retrieve(QUESTION)

    retriever, encoder = traced.all()
    assert retriever.document_ids == [node.node.node_id for node in found]
    assert retriever.document_scores == [node.score for node in found]
    assert retriever.documents("retrieval.documents", "content") == [
        node.node.get_content() for node in found
    ]
    assert retriever.attributes["retrieval.documents.0.document.metadata"] == '{"page":1}'
    assert retriever.attributes["retrieval.score_sense"] == "similarity"
    assert retriever.attributes["retrieval.top_k"] == 3
    assert retriever.attributes["input.value"] == QUESTION
    assert encoder.parent_id == retriever.span_id


def test_a_reranker_has_both_orders_and_both_scores(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    engine(index, node_postprocessors=[OverlapReranker(top_n=2)]).query(QUESTION)

    (reranker,), (retriever,) = traced.of_kind("RERANKER"), traced.of_kind("RETRIEVER")
    assert reranker.name == "OverlapReranker._postprocess_nodes"
    assert reranker.documents("reranker.input_documents", "id") == retriever.document_ids
    assert reranker.documents("reranker.input_documents", "score") == retriever.document_scores
    assert reranker.documents("reranker.output_documents", "id") == ["fact-paris", "fact-rome"]
    assert reranker.documents("reranker.output_documents", "score") == [5.0, 4.0]
    assert reranker.attributes["reranker.query"] == QUESTION
    assert reranker.attributes["reranker.model_name"] == "overlap"
    assert reranker.attributes["reranker.top_k"] == 2


def test_a_documents_text_is_written_once_a_trace(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    engine(index).query(QUESTION)

    carrying = [span.name for span in traced.all() if FACTS["fact-paris"] in span.attributes.values()]
    assert carrying == ["VectorIndexRetriever.retrieve"]


def test_an_encoders_span(traced: SpanRecorder) -> None:
    encoder = WordEmbedding()
    encoder.get_query_embedding("one")
    encoder.get_text_embedding_batch(["one", "two"])

    query, batch = traced.all()
    for span in (query, batch):
        assert span.attributes["embedding.model_name"] == "words"
        assert span.attributes["gen_ai.embeddings.dimension.count"] == 64
        assert span.attributes["embedding.fingerprint"] == query.attributes["embedding.fingerprint"]
    assert query.attributes["embedding.embeddings.0.embedding.text"] == "one"
    assert "groundtrace.indexing" not in query.attributes
    assert batch.attributes["embedding.text_count"] == 2
    assert batch.attributes["embedding.batch_size"] == encoder.embed_batch_size
    assert batch.attributes["groundtrace.indexing"] is True
    assert "embedding.embeddings.0.embedding.vector" not in batch.attributes


async def test_an_async_query_is_one_trace(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    assert str(await engine(index).aquery(QUESTION)) == ANSWER

    assert len(traced.trace_ids()) == len(traced.roots()) == 1
    assert traced.roots()[0].attributes["output.value"] == ANSWER
    assert len(traced.of_kind("LLM")) == len(traced.of_kind("RERANKER")) == 1


def test_plumbing_carries_no_texts_by_default(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    engine(index).query(QUESTION)

    plumbing = [span for span in traced.of_kind("CHAIN") if span.parent_id is not None]
    assert plumbing
    assert all(set(span.attributes) == {"openinference.span.kind"} for span in plumbing)


def test_without_plumbing_only_the_steps_of_the_pipeline_remain(
    traced: SpanRecorder, index: VectorStoreIndex
) -> None:
    use_settings(TraceSettings(plumbing="none"))
    engine(index).query(QUESTION)

    assert [span.kind for span in traced.all()] == ["CHAIN", "RETRIEVER", "EMBEDDING", "RERANKER", "LLM"]
    (root,) = traced.roots()
    assert all(span.parent_id == root.span_id for span in traced.all() if span.kind in {"RETRIEVER", "LLM"})


def test_a_query_of_a_trace_stays_small(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    engine(index).query(QUESTION)

    size = sum(len(key) + len(str(value)) for span in traced.all() for key, value in span.attributes.items())
    assert size < 10_000


@pytest.mark.parametrize(("content", "ids"), [("ids", ["fact-paris"]), ("none", [None])])
def test_texts_stay_in(
    traced: SpanRecorder, index: VectorStoreIndex, content: Any, ids: list[str | None]
) -> None:
    use_settings(TraceSettings(content=content))
    engine(index).query(QUESTION)

    told = " ".join(str(dict(span.attributes)) for span in traced.all())
    assert [word for word in ("France", "Paris,") if word in told] == []
    assert traced.of_kind("RERANKER")[0].documents("reranker.output_documents", "id") == ids
    assert traced.of_kind("RERANKER")[0].documents("reranker.output_documents", "score") == [5.0]


def test_texts_are_redacted_first(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    use_settings(
        TraceSettings(redact=(lambda text: text.replace("Paris", "[city]").replace("France", "[land]"),))
    )
    engine(index).query(QUESTION)

    told = " ".join(str(dict(span.attributes)) for span in traced.all())
    assert "France" not in told
    assert "[city], by the context." in told


def test_a_hundred_documents_keep_ids_and_scores(traced: SpanRecorder) -> None:
    class Many(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:  # noqa: ARG002
            from llama_index.core.schema import TextNode

            return [
                NodeWithScore(node=TextNode(id_=f"n{i}", text=f"text {i}"), score=1 - i / 1_000)
                for i in range(100)
            ]

    Many().retrieve("q")

    span = traced.one()
    assert len(span.attributes) <= 128
    assert span.document_ids[:3] == ["n0", "n1", "n2"]
    assert '"id":"n99"' in span.attributes["gen_ai.retrieval.documents"]
    assert "retrieval.documents" in span.attributes["groundtrace.truncated"]


def test_the_requests_context_is_on_its_spans(traced: SpanRecorder, index: VectorStoreIndex) -> None:
    with groundtrace.context(session="s1", metadata={"doc_family": "cities"}, prompt_version="v3"):
        engine(index).query(QUESTION)

    assert traced.roots()[0].attributes["session.id"] == "s1"
    assert traced.roots()[0].metadata == {"doc_family": "cities"}
    assert traced.of_kind("LLM")[0].attributes["llm.prompt_template.version"] == "v3"


def test_the_apps_own_span_inside_a_step_holds_what_it_calls(
    traced: SpanRecorder, index: VectorStoreIndex
) -> None:
    retriever = index.as_retriever()
    with trace.get_tracer("app").start_as_current_span("outer"):

        class Wrapping(BaseRetriever):
            def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
                with trace.get_tracer("app").start_as_current_span("app's own"):
                    return retriever.retrieve(query_bundle)

        Wrapping().retrieve("q")

    own = traced.named("app's own")
    assert len(traced.trace_ids()) == 1
    assert traced.named("VectorIndexRetriever.retrieve").parent_id == own.span_id
    assert traced.named("Wrapping.retrieve").span_id == own.parent_id


def test_errors_reach_the_app_and_every_span_on_their_way(
    traced: SpanRecorder, index: VectorStoreIndex
) -> None:
    with pytest.raises(ConnectionError, match="model away"):
        engine(index, llm=SayingLLM().failing(ConnectionError("model away"))).query(QUESTION)

    (root,), (model,) = traced.roots(), traced.of_kind("LLM")
    assert root.status.name == model.status.name == "ERROR"
    assert root.attributes["error.type"] == model.attributes["error.type"] == "ConnectionError"
    assert model.event_names == ["exception"]
    assert root.event_names == []
    assert traced.of_kind("RETRIEVER")[0].status.name == "OK"
