"""One request through a chain: one trace, with what a reader of it asks for."""

import json
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel

import groundtrace
from tests.integrations.langchain.parts import fact_store, joined, rag_chain
from tests.span_recorder import SpanRecorder

QUESTION = "What is the capital of France?"


def test_one_request_is_one_trace_with_each_step_once(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    assert chain.invoke(QUESTION) == "Paris, by the context."

    assert len(traced.trace_ids()) == 1
    assert len(traced.roots()) == 1
    kinds = sorted(span.kind or "" for span in traced.all())
    assert kinds == sorted(["CHAIN"] * 6 + ["PROMPT", "RETRIEVER", "EMBEDDING", "LLM"])


def test_root_is_a_chain_with_question_and_answer(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION)

    (root,) = traced.roots()
    assert root.kind == "CHAIN"
    assert root.attributes["input.value"] == QUESTION
    assert root.attributes["output.value"] == "Paris, by the context."
    assert root.attributes["output.mime_type"] == "text/plain"


def test_encoder_hangs_on_the_retriever_and_the_retriever_on_the_chain(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION)

    (embedding,) = traced.of_kind("EMBEDDING")
    (retriever,) = traced.of_kind("RETRIEVER")
    assert embedding.parent_id == retriever.span_id
    assert retriever.parent_id in {span.span_id for span in traced.of_kind("CHAIN")}


@pytest.mark.parametrize(
    "root",
    [
        pytest.param(RunnableLambda(lambda text: text.upper()), id="lambda"),
        pytest.param(RunnableParallel(loud=lambda text: text.upper()), id="parallel"),
        pytest.param(FakeListChatModel(responses=["HELLO"]), id="model"),
        pytest.param(FakeListChatModel(responses=["HELLO"]) | (lambda message: message), id="message out"),
    ],
)
def test_root_keeps_input_and_output_whatever_its_type(
    traced: SpanRecorder, root: Runnable[Any, Any]
) -> None:
    root.invoke("hello")

    (span,) = traced.roots()
    assert "hello" in span.attributes["input.value"]
    assert "HELLO" in span.attributes["output.value"]


def test_root_value_with_documents_and_messages_is_readable_json(traced: SpanRecorder) -> None:
    chain: Runnable[Any, Any] = RunnableLambda(
        lambda question: {
            "answer": AIMessage("Paris"),
            "context": fact_store().similarity_search(question, k=1),
        }
    )

    chain.invoke(QUESTION)

    (root,) = traced.roots()
    assert root.attributes["output.mime_type"] == "application/json"
    shown = json.loads(root.attributes["output.value"])
    assert shown["answer"] == {"role": "assistant", "content": "Paris"}
    assert shown["context"][0]["id"] == "fact-paris"


def test_chain_inside_the_apps_own_span_keeps_its_values(traced: SpanRecorder) -> None:
    tracer = traced.provider.get_tracer("app")
    with tracer.start_as_current_span("GET /ask"):
        RunnableLambda(lambda text: text.upper()).invoke("hello")

    (root,) = traced.roots()
    (chain,) = traced.children_of(root)
    assert root.name == "GET /ask"
    assert (chain.attributes["input.value"], chain.attributes["output.value"]) == ("hello", "HELLO")


def test_plumbing_by_name_repeats_no_text(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION)

    inner = [span for span in traced.all() if span.kind in {"CHAIN", "PROMPT"} and span.parent_id]
    assert len(inner) == 6
    assert all(
        "input.value" not in span.attributes and "output.value" not in span.attributes for span in inner
    )


def test_full_plumbing_carries_every_input_and_output(
    traced: SpanRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDTRACE_PLUMBING", "full")
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION)

    steps = [span for span in traced.all() if span.kind != "EMBEDDING"]
    assert [span.name for span in steps if "input.value" not in span.attributes] == []
    assert [span.name for span in steps if "output.value" not in span.attributes] == []
    assert traced.named("StrOutputParser").kind == "CHAIN"


def test_no_plumbing_hangs_the_steps_on_the_root(
    traced: SpanRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDTRACE_PLUMBING", "none")
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION)

    (root,) = traced.roots()
    assert sorted(span.kind or "" for span in traced.children_of(root)) == ["LLM", "RETRIEVER"]
    assert len(traced.all()) == 4


def test_context_values_are_on_the_root_and_on_rag_steps(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    with groundtrace.context(
        session="s1", user="u1", metadata={"doc_family": "geo"}, prompt_version="v7", tags=["beta"]
    ):
        chain.invoke(QUESTION)

    for span in [
        *traced.roots(),
        *traced.of_kind("RETRIEVER"),
        *traced.of_kind("LLM"),
        *traced.of_kind("EMBEDDING"),
    ]:
        assert span.attributes["session.id"] == "s1", span.name
        assert span.attributes["user.id"] == "u1"
        assert span.metadata["doc_family"] == "geo"
        assert span.attributes["llm.prompt_template.version"] == "v7"
        assert span.attributes["tag.tags"] == ("beta",)


@pytest.mark.parametrize("key", ["session_id", "conversation_id", "thread_id"])
def test_session_comes_from_the_config_metadata(traced: SpanRecorder, key: str) -> None:
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION, config={"metadata": {key: "s-9", "doc_family": "geo"}, "tags": ["beta"]})

    (root,) = traced.roots()
    assert root.attributes["session.id"] == "s-9"
    assert root.metadata == {key: "s-9", "doc_family": "geo"}
    assert root.attributes["tag.tags"] == ("beta",)
    assert all(span.attributes["session.id"] == "s-9" for span in traced.of_kind("EMBEDDING"))


def test_metadata_given_to_an_inner_step_is_not_lost(traced: SpanRecorder) -> None:
    inner = RunnableLambda(str.upper).with_config(metadata={"doc_family": "geo"})
    chain = RunnableLambda(str.strip) | inner

    with groundtrace.context(metadata={"tenant": "t1"}):
        chain.invoke(" hello ")

    assert traced.roots()[0].metadata == {"tenant": "t1"}
    assert traced.named("upper").metadata == {"doc_family": "geo"}


def test_step_named_an_agent_is_an_agent(traced: SpanRecorder) -> None:
    chain: Runnable[Any, Any] = RunnableLambda(
        lambda text: RunnableLambda(str.upper).invoke(text)
    ).with_config(run_name="SupportAgent")

    chain.invoke("hello")

    (agent,) = traced.of_kind("AGENT")
    assert agent.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert agent.attributes["output.value"] == "HELLO"


def test_content_ids_lets_no_text_out(traced: SpanRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDTRACE_CONTENT", "ids")
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION, config={"metadata": {"session_id": "s-1"}})

    told = json.dumps([{key: str(value) for key, value in span.attributes.items()} for span in traced.all()])
    assert "capital" not in told
    assert "Paris" not in told
    (retriever,) = traced.of_kind("RETRIEVER")
    assert retriever.document_ids == ["fact-paris", "fact-rome"]
    assert traced.roots()[0].metadata == {"session_id": "s-1"}


def test_joined_documents_of_the_chain_are_the_models_context(traced: SpanRecorder) -> None:
    chain = rag_chain()
    traced.clear()

    chain.invoke(QUESTION)

    (model,) = traced.of_kind("LLM")
    assert (
        joined(fact_store().similarity_search(QUESTION, k=2))
        in model.attributes["llm.input_messages.0.message.content"]
    )
