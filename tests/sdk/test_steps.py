"""Steps as context managers."""

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import StatusCode

import groundtrace
from groundtrace import Document
from groundtrace.settings import TraceSettings, use_settings
from tests.span_recorder import RecordedSpan, SpanRecorder


def test_retriever_span_keeps_document_order(spans: SpanRecorder) -> None:
    with groundtrace.retriever(query="capital of France?", top_k=2) as step:
        step.add_documents([Document(id="d2", score=0.9, content="Paris"), Document(id="d1", score=0.1)])

    span = spans.one()
    assert span.name == "retriever"
    assert span.kind == "RETRIEVER"
    assert span.status is StatusCode.OK
    assert span.document_ids == ["d2", "d1"]
    assert span.document_scores == [0.9, 0.1]
    assert span.attributes["input.value"] == "capital of France?"
    assert span.attributes["retrieval.top_k"] == 2
    assert span.attributes["gen_ai.operation.name"] == "retrieval"


def test_documents_of_a_second_call_rank_after_the_first(spans: SpanRecorder) -> None:
    with groundtrace.retriever(query="q") as step:
        step.add_documents([Document(id="a")])
        step.add_documents([Document(id="b")])

    assert spans.one().document_ids == ["a", "b"]


def test_distances_are_told_from_similarities(spans: SpanRecorder) -> None:
    with groundtrace.retriever(query="q") as step:
        step.add_documents([{"id": "a", "distance": 0.2}])

    assert spans.one().attributes["retrieval.score_sense"] == "distance"
    assert spans.one().document_scores == [0.2]


def test_reranker_span_keeps_both_orders_and_scores(spans: SpanRecorder) -> None:
    with groundtrace.reranker("bm25", query="q", model="bm25", top_k=1) as step:
        step.add_input_documents([Document(id="a", score=0.3), Document(id="b", score=0.2)])
        step.add_output_documents([Document(id="b", score=7.5)])

    span = spans.one()
    assert span.kind == "RERANKER"
    assert span.documents("reranker.input_documents", "id") == ["a", "b"]
    assert span.documents("reranker.output_documents", "id") == ["b"]
    assert span.documents("reranker.output_documents", "score") == [7.5]
    assert span.attributes["reranker.query"] == "q"
    assert span.attributes["reranker.model_name"] == "bm25"


def test_encoder_span_tells_model_version_and_space_but_no_vector(spans: SpanRecorder) -> None:
    with groundtrace.encoder(model="minilm", version="2", texts="a question", normalized=True) as step:
        step.set_dimension(384)

    span = spans.one()
    assert span.kind == "EMBEDDING"
    assert span.attributes["embedding.model_name"] == "minilm"
    assert span.attributes["embedding.model_version"] == "2"
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 384
    assert span.attributes["embedding.embeddings.0.embedding.text"] == "a question"
    assert span.attributes["embedding.text_count"] == 1
    assert len(span.attributes["embedding.fingerprint"]) == 16
    assert not any("vector" in key for key in span.attributes)


def test_encoders_that_differ_in_anything_have_other_fingerprints(spans: SpanRecorder) -> None:
    for normalized in (True, False):
        with groundtrace.encoder(model="minilm", normalized=normalized):
            pass

    one, other = spans.all()
    assert one.attributes["embedding.fingerprint"] != other.attributes["embedding.fingerprint"]


def test_a_corpus_is_counted_and_only_begun(spans: SpanRecorder) -> None:
    with groundtrace.encoder(model="m", texts=[f"t{i}" for i in range(100)], indexing=True):
        pass

    attributes = spans.one().attributes
    assert attributes["embedding.text_count"] == 100
    assert attributes["groundtrace.indexing"] is True
    assert "embedding.embeddings.31.embedding.text" in attributes
    assert "embedding.embeddings.32.embedding.text" not in attributes
    assert attributes["groundtrace.truncated"] == ("embedding.embeddings",)


def test_llm_span_speaks_both_vocabularies(spans: SpanRecorder) -> None:
    with groundtrace.llm(
        model="m-1",
        provider="openai",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        invocation_parameters={"temperature": 0},
    ) as step:
        step.set_output("Hi.")
        step.set_tokens(prompt=9, completion=2, cache_read=4, reasoning=1)

    attributes = spans.one().attributes
    assert attributes["llm.model_name"] == attributes["gen_ai.request.model"] == "m-1"
    assert attributes["llm.provider"] == attributes["gen_ai.provider.name"] == "openai"
    assert attributes["llm.input_messages.1.message.content"] == "Hello?"
    assert attributes["llm.output_messages.0.message.content"] == "Hi."
    assert attributes["input.value"] == "Hello?"
    assert attributes["output.value"] == "Hi."
    assert attributes["llm.token_count.prompt"] == attributes["gen_ai.usage.input_tokens"] == 9
    assert attributes["llm.token_count.total"] == 11
    assert attributes["llm.invocation_parameters"] == '{"temperature":0}'


def test_first_token_is_marked_once(spans: SpanRecorder) -> None:
    with groundtrace.llm(model="m", prompt="p") as step:
        step.mark_first_token()
        step.mark_first_token()

    assert spans.one().event_names == ["First Token Stream Event"]
    assert spans.one().attributes["gen_ai.response.time_to_first_chunk"] > 0


@pytest.mark.parametrize("hit", [True, False])
def test_cache_span_tells_hit_and_similarity(spans: SpanRecorder, *, hit: bool) -> None:
    with groundtrace.cache(query="how much?", threshold=0.9) as step:
        if hit:
            step.hit(similarity=0.95, query="what does it cost?")
        else:
            step.miss(similarity=0.4)

    attributes = spans.one().attributes
    assert attributes["groundtrace.cache.hit"] is hit
    assert attributes["groundtrace.cache.threshold"] == 0.9
    assert attributes["groundtrace.cache.similarity"] == (0.95 if hit else 0.4)
    assert attributes.get("groundtrace.cache.query") == ("what does it cost?" if hit else None)


def test_chain_and_tool_carry_input_and_output(spans: SpanRecorder) -> None:
    with groundtrace.chain("answer", input="q") as outer:
        with groundtrace.tool("lookup", input={"id": 7}, description="Looks up") as inner:
            inner.set_output([1, 2])
        outer.set_output("a")

    chain, tool = spans.named("answer"), spans.named("lookup")
    assert (chain.kind, tool.kind) == ("CHAIN", "TOOL")
    assert chain.attributes["output.value"] == "a"
    assert tool.attributes["input.value"] == '{"id":7}'
    assert tool.attributes["tool.name"] == "lookup"
    assert tool.parent_id == chain.span_id


def test_steps_nest_into_one_trace_and_leave_nothing_behind(spans: SpanRecorder) -> None:
    before = otel_context.get_current()

    with groundtrace.chain("request"), groundtrace.retriever(query="q"), groundtrace.encoder(texts="q"):
        pass

    assert len(spans.trace_ids()) == 1
    assert len(spans.roots()) == 1
    assert otel_context.get_current() == before


def test_every_step_carries_the_context(spans: SpanRecorder) -> None:
    with (
        groundtrace.context(session="s", metadata={"doc_family": "billing"}, tags=["beta"], gold=["d1"]),
        groundtrace.retriever(query="q"),
    ):
        pass

    attributes = spans.one().attributes
    assert attributes["session.id"] == "s"
    assert spans.one().metadata == {"doc_family": "billing"}
    assert attributes["tag.tags"] == ("beta",)
    assert attributes["groundtrace.gold.document_ids"] == ("d1",)


def test_an_exception_is_recorded_and_goes_on_unchanged(spans: SpanRecorder) -> None:
    fault = ValueError("no such index")

    with pytest.raises(ValueError, match="no such index") as raised, groundtrace.retriever(query="q"):
        raise fault

    span = spans.one()
    assert raised.value is fault
    assert span.status is StatusCode.ERROR
    assert span.span.status.description == "ValueError: no such index"
    assert span.attributes["error.type"] == "ValueError"
    assert span.event_names == ["exception"]


def test_documents_found_before_an_exception_are_kept(spans: SpanRecorder) -> None:
    def search() -> None:
        with groundtrace.retriever(query="q") as step:
            step.add_documents([Document(id="a")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        search()

    assert spans.one().document_ids == ["a"]


def test_without_content_an_exception_keeps_its_type_only(spans: SpanRecorder) -> None:
    use_settings(TraceSettings(content="ids"))

    with pytest.raises(ValueError, match="secret"), groundtrace.chain(input="secret"):
        raise ValueError("secret")

    span = spans.one()
    assert span.attributes["error.type"] == "ValueError"
    assert "secret" not in str([span.attributes, span.span.status.description, _events(span)])


def _events(span: RecordedSpan) -> list[dict[str, object]]:
    return [dict(event.attributes or {}) for event in span.span.events]


def test_redaction_reaches_exceptions(spans: SpanRecorder) -> None:
    use_settings(TraceSettings(redact=(lambda text: text.replace("secret", "***"),)))

    with pytest.raises(ValueError, match="secret"), groundtrace.chain():
        raise ValueError("secret")

    assert "secret" not in str(_events(spans.one()))
    assert spans.one().span.status.description == "ValueError: ***"


def test_a_suppressed_context_makes_no_span(spans: SpanRecorder) -> None:
    with suppress_instrumentation(), groundtrace.retriever(query="q") as step:
        step.add_documents([Document(id="a")])

    assert spans.all() == []


def test_a_step_tells_its_trace_id(spans: SpanRecorder) -> None:
    with groundtrace.chain() as step:
        assert step.trace_id == groundtrace.current_trace_id()

    assert step.trace_id == format(spans.one().trace_id, "032x")
    assert groundtrace.current_trace_id() is None


def test_a_step_can_be_entered_again(spans: SpanRecorder) -> None:
    step = groundtrace.retriever("r", query="q")
    for document_id in ("a", "b"):
        with step:
            step.add_documents([Document(id=document_id)])

    assert [span.document_ids for span in spans.all()] == [["a"], ["b"]]


async def test_async_with_is_the_same(spans: SpanRecorder) -> None:
    async with groundtrace.retriever(query="q") as step:
        step.add_documents([Document(id="a")])

    assert spans.one().document_ids == ["a"]


@pytest.mark.parametrize("bad", [[42], [None], [{"score": 1.0}]])
def test_what_is_no_document_is_a_fault_of_the_caller_that_stays_inside(
    bad: list[object], spans: SpanRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TypeError, match="documents must be"), groundtrace.retriever(query="q") as step:
        step.add_documents(bad)

    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")
    with groundtrace.retriever(query="q") as step:
        step.add_documents(bad)
    assert spans.all()[-1].status is StatusCode.OK


def test_a_foreign_parent_is_the_parent(spans: SpanRecorder) -> None:
    with trace.get_tracer("app").start_as_current_span("request"), groundtrace.retriever(query="q"):
        pass

    assert spans.named("retriever").parent_id == spans.named("request").span_id


def test_a_retry_is_numbered_and_a_first_attempt_is_not(spans: SpanRecorder) -> None:
    for attempt in (1, 2):
        with groundtrace.llm(model="m") as step:
            step.set_attempt(attempt)

    assert [span.attributes.get("groundtrace.retry.attempt") for span in spans.all()] == [None, 2]
